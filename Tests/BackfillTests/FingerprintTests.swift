import Backfill
import Foundation
import Testing

/// What is recorded of a column, by this vecfill and by older ones.
@Suite struct FingerprintTests {
  static let plain = #"{"dimensions":3,"model":"m","preparation":{"newlines":"space","tooLong":"truncate"},"text":"t"}"#

  private func fingerprint(
    prefix: String = "", fields: [String: JSONValue] = [:], cut: VectorCut = .provider,
    tooLong: TextPreparation.TooLong = .truncate
  ) -> Fingerprint {
    Fingerprint(
      model: "m", dimensions: 3, text: "t",
      preparation: TextPreparation(newlines: .space, tooLong: tooLong, prefix: prefix), fields: fields, cut: cut)
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
      fingerprint(fields: ["a": .object([:])]),
    ] {
      let text = try added.recorded()
      #expect(try Fingerprint(recorded: text, of: "c", in: "p") == added)
      #expect(added != fingerprint() && !added.admits(fingerprint()) && !fingerprint().admits(added))
    }
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
