import Backfill
import Foundation
import Testing

/// What is recorded of a column, by this vecfill and by older ones.
@Suite struct FingerprintTests {
  static let plain = #"{"dimensions":3,"model":"m","preparation":{"newlines":"space","tooLong":"truncate"},"text":"t"}"#

  private func fingerprint(
    prefix: String = "", fields: [String: JSONValue] = [:], cut: VectorCut = .provider,
    tooLong: TextPreparation.TooLong = .truncate, mostBytes: Int? = nil, cutting: Cutting? = nil
  ) -> Fingerprint {
    Fingerprint(
      model: "m", dimensions: 3, text: "t",
      preparation: TextPreparation(newlines: .space, tooLong: tooLong, prefix: prefix, mostBytes: mostBytes),
      fields: fields, cut: cut, cutting: cutting)
  }

  @Test func `an older record is read as nothing added, and nothing added is recorded as it was`() throws {
    let read = try Fingerprint(recorded: Self.plain, of: "c", in: "p")
    #expect(read == fingerprint())
    #expect(try read.recorded() == Self.plain)
    #expect("\(read)" == "model=m dimensions=3 text=t newlines=space too_long=truncate")
  }

  static let fields: [String: JSONValue] = [
    "input_type": .string("document"), "truncation": .boolean(false), "n": .integer(3), "x": .number(0.1),
    "none": .null, "deep": .object(["list": .array([.integer(1), .null, .string("é/\"\n"), .boolean(true)])]),
  ]

  @Test func `what is added comes back from a record as it was`() throws {
    for added in [
      fingerprint(prefix: "search_document: "), fingerprint(fields: Self.fields), fingerprint(cut: .local),
      fingerprint(prefix: "p\n", fields: Self.fields, cut: .local), fingerprint(fields: ["a": .null]),
      fingerprint(mostBytes: 496), fingerprint(tooLong: .average, mostBytes: 496),
      fingerprint(prefix: "p", tooLong: .average), fingerprint(prefix: "p", tooLong: .average, mostBytes: 8),
      fingerprint(fields: ["a": .object([:])]), fingerprint(cutting: Cutting()),
      fingerprint(prefix: "p", cutting: Cutting(tokens: 60, overlap: 0)),
    ] {
      let text = try added.recorded()
      #expect(try Fingerprint(recorded: text, of: "c", in: "p") == added)
      #expect(added != fingerprint() && !added.admits(fingerprint()) && !fingerprint().admits(added))
    }
  }

  @Test func `two that differ show in what, also what one of them lacks`() {
    let (plain, prefixed) = (fingerprint(), fingerprint(prefix: "p: "))
    #expect(prefixed.differing(from: plain) == #"prefix="p: ""#)
    #expect(plain.differing(from: prefixed) == "no prefix")
    let cut = fingerprint(fields: ["a": .null], cut: .local, cutting: Cutting())
    #expect(plain.differing(from: cut) == "no sends, no cut, no chunks")
    #expect(prefixed.differing(from: cut) == #"prefix="p: ""#)
    #expect(plain.differing(from: plain) == "\(plain)")
  }

  @Test(arguments: ["\u{e9}", "\u{65e5}\u{672c}", "a\u{301}\u{7f}\u{80}", "\u{1F469}\u{200D}\u{1F680}", "\"\\u00e9"])
  func `a database of any encoding can hold a record, and what was recorded as it is stays readable`(
    _ prefix: String
  ) throws {
    let made = fingerprint(prefix: prefix, fields: [prefix: .string(prefix)])
    let record = try made.recorded()
    #expect(record.utf8.allSatisfy { $0 < 0x80 })
    #expect(try Fingerprint(recorded: record, of: "c", in: "p") == made)
    let encoder = JSONEncoder()
    let older = String(decoding: try encoder.encode(made), as: UTF8.self)
    #expect(try Fingerprint(recorded: older, of: "c", in: "p") == made)
  }

  /// As vecfill read a record before there was anything to add.
  private struct Older: Decodable {
    let model: String
    let dimensions: Int
    let text: String
  }

  @Test func `an older vecfill fails at a record of what it doesn't know, in place of taking it for its own`() throws {
    let older = JSONDecoder()
    _ = try older.decode(Older.self, from: Data(Self.plain.utf8))
    for added in [
      fingerprint(prefix: "p: "), fingerprint(fields: ["a": .integer(1)]), fingerprint(cut: .local),
    ] {
      let text = try added.recorded()
      #expect(throws: DecodingError.self) { try older.decode(Older.self, from: Data(text.utf8)) }
    }
  }

  /// Records as the version before this one wrote them.
  static let records = [
    #"{"dimensions":3,"model":"m","preparation":{"newlines":"space","tooLong":"average"},"text":"t"}"#,
    #"{"dimensions":3,"model":"m","preparation":{"newlines":"space","tooLong":"quarantine"},"text":"t"}"#,
    #"{"with":{"dimensions":3,"model":"m","preparation":{"newlines":"space","prefix":"p: ","tooLong":"truncate"},"text":"t"}}"#,
    #"{"with":{"dimensions":3,"fields":{"a":1},"model":"m","preparation":{"newlines":"space","prefix":"p: ","tooLong":"quarantine"},"text":"t"}}"#,
    #"{"with":{"cut":"local","dimensions":3,"model":"m","preparation":{"newlines":"space","tooLong":"average"},"text":"t"}}"#,
  ]

  @Test func `what was recorded before stays byte for byte, and is the same job's`() throws {
    let jobs = [
      fingerprint(tooLong: .average), fingerprint(tooLong: .quarantine), fingerprint(prefix: "p: "),
      fingerprint(prefix: "p: ", fields: ["a": .integer(1)], tooLong: .quarantine),
      fingerprint(cut: .local, tooLong: .average),
    ]
    for (record, job) in zip(Self.records, jobs) {
      #expect(try job.recorded() == record)
      #expect(try Fingerprint(recorded: record, of: "c", in: "p") == job)
    }
  }

  @Test func `a column cut at tokens, at bytes or at other bytes is never another's`() {
    for rule in [TextPreparation.TooLong.truncate, .average] {
      let cuts = [nil, 496, 497].map { fingerprint(tooLong: rule, mostBytes: $0) }
      for (one, other) in cuts.flatMap({ one in cuts.map { (one, $0) } }) {
        #expect(one.admits(other) == (one == other))
      }
      // What was left out until now has no vectors yet.
      for cut in cuts { #expect(fingerprint(tooLong: .quarantine).admits(cut)) }
    }
    #expect("\(fingerprint(mostBytes: 496))".hasSuffix(" too_long=truncate too_long_at=496_bytes"))
  }

  @Test func `averages of an earlier version, with the prefix before the first part alone, are another column`() throws
  {
    let record =
      #"{"with":{"dimensions":3,"model":"m","preparation":{"newlines":"space","prefix":"p: ","tooLong":"average"},"text":"t"}}"#
    let held = try Fingerprint(recorded: record, of: "c", in: "p")
    let job = fingerprint(prefix: "p: ", tooLong: .average)
    #expect(held != job && !held.admits(job) && !job.admits(held))
    #expect(try held.recorded() == record)
    #expect("\(held)".contains("prefix_of=the_first_part") && "\(job)".contains("prefix_of=each_part"))
    #expect(fingerprint(prefix: "p: ", tooLong: .quarantine).admits(job))
  }

  /// As vecfill read a record when there was `with`, and nothing within it.
  private struct Former: Decodable {
    let with: Older
  }

  @Test func `a version that doesn't know the new cuts or pieces fails at their records`() throws {
    let former = JSONDecoder()
    _ = try former.decode(Former.self, from: Data(Self.records[2].utf8))
    for added in [
      fingerprint(mostBytes: 496), fingerprint(prefix: "p: ", tooLong: .average), fingerprint(cutting: Cutting()),
    ] {
      let text = try added.recorded()
      #expect(throws: DecodingError.self) { try former.decode(Former.self, from: Data(text.utf8)) }
    }
  }

  @Test func `what is added stays where long texts are made to fit later`() {
    let held = fingerprint(prefix: "p: ", fields: ["a": .integer(1)], cut: .local, tooLong: .quarantine)
    #expect(held.admits(fingerprint(prefix: "p: ", fields: ["a": .integer(1)], cut: .local)))
    #expect(!held.admits(fingerprint(fields: ["a": .integer(1)], cut: .local)))
    #expect(!held.admits(fingerprint(prefix: "p: ", cut: .local)))
    #expect(!held.admits(fingerprint(prefix: "p: ", fields: ["a": .integer(1)])))
  }

  @Test func `what is added is told`() {
    #expect(
      "\(fingerprint(prefix: "d: ", fields: ["b": .string("x"), "a": .boolean(false)], cut: .local))"
        == "model=m dimensions=3 text=t newlines=space too_long=truncate prefix=\"d: \" "
        + #"sends={"a":false,"b":"x"} cut=local"#)
  }

  @Test(arguments: ["{}", "[]", #"{"with":{}}"#, #"{"with":{"model":"m","dimensions":3}}"#, "no JSON"])
  func `a record that is none is refused`(text: String) {
    #expect(throws: Failure.self) { try Fingerprint(recorded: text, of: "c", in: "p") }
  }

  @Test func `a prefix is counted and sent, and the row is still known by its own text`() {
    let packer = Packer(preparation: TextPreparation(prefix: "12345"), maxInputs: 10) { $0.utf8.count }
    let messages = [
      Message(key: .integer(1), text: "abc"), Message(key: .integer(2), text: " "),
      Message(key: .integer(3), text: "abc"),
    ]
    let page = packer.pack(MessagePage(messages, continuesAfter: nil))
    #expect(page.contents.flatMap(\.inputs).map(\.texts) == [["12345abc"]])
    #expect(page.contents.flatMap(\.inputs).map(\.tokenCount) == [8])
    #expect(page.contents.flatMap(\.rows).map(\.digest) == [TextDigest(of: "abc"), TextDigest(of: "abc")])
    #expect(page.excluded == 1)
  }
}
