import Backfill
import Testing

@Suite struct ProvenanceTests {
  static let job = fingerprint()

  static func fingerprint(
    _ model: String = "small", _ dimensions: Int = 3, text: SourceText = "content",
    _ tooLong: TextPreparation.TooLong = .quarantine, _ newlines: TextPreparation.Newlines = .keep
  ) -> Fingerprint {
    Fingerprint(
      model: model, dimensions: dimensions, text: text,
      preparation: TextPreparation(newlines: newlines, tooLong: tooLong))
  }

  @Test(arguments: [
    fingerprint("large"), fingerprint("small", 4), fingerprint(text: "title"), fingerprint("small", 3, .truncate),
    fingerprint("small", 3, .average), fingerprint("small", 3, .quarantine, .space),
  ])
  func `a column with vectors of another fingerprint is refused, whatever is adopted`(held: Fingerprint) {
    for content in [Provenance.Content.some, .notFound] {
      for adopts in [false, true] {
        #expect(Provenance(recorded: held, content: content).verdict(on: Self.job, adopts: adopts) == .refuses(held))
      }
    }
    #expect(Provenance(recorded: held, content: .none).verdict(on: Self.job, adopts: false) == .fills)
  }

  @Test(arguments: [TextPreparation.TooLong.truncate, .average])
  func `long texts that were left out may be made to fit`(rule: TextPreparation.TooLong) {
    let next = Self.fingerprint("small", 3, rule)
    #expect(Provenance(recorded: Self.job, content: .some).verdict(on: next, adopts: false) == .fills)
    let other = Self.fingerprint("small", 3, rule, .space)
    #expect(Provenance(recorded: Self.job, content: .some).verdict(on: other, adopts: false) == .refuses(Self.job))
  }

  @Test func `vectors that nobody knows are compared, or adopted`() {
    #expect(Provenance(recorded: nil, content: .some).verdict(on: Self.job, adopts: false) == .compares)
    #expect(Provenance(recorded: nil, content: .some).verdict(on: Self.job, adopts: true) == .fills)
    #expect(Provenance(recorded: nil, content: .none).verdict(on: Self.job, adopts: false) == .fills)
  }
}
