import Backfill
import TestSupport
import Testing

@Suite struct ColumnAuditTests {
  private static func row(_ key: Int64, _ length: Double, dimensions: Int = 8, isStale: Bool? = nil) -> AuditedRow {
    AuditedRow(
      key: .integer(key),
      content: .vector(
        VectorFacts(
          dimensions: dimensions, length: length, vectorTag: [], textTag: nil, textBytes: 1, hasNewline: false,
          isStale: isStale)))
  }

  @Test func `each row counts once for what is wrong with it, and a few keys are kept`() {
    var audit = ColumnAudit(dimensions: 8)
    for row in [
      Self.row(1, 1), Self.row(2, .nan), Self.row(3, .infinity), Self.row(4, 0), Self.row(5, 1, dimensions: 3),
      Self.row(6, 2), Self.row(7, 1.005), AuditedRow(key: .integer(8), content: .broken),
      AuditedRow(key: .integer(9), content: .missing(isBlank: true)),
      AuditedRow(key: .integer(10), content: .missing(isBlank: false)),
    ] { audit.add(row) }
    #expect(audit.rows == 10 && audit.vectors == 8 && audit.blank == 1)
    #expect(audit.missing.keys.map(\.description) == ["10"] && audit.broken.keys.map(\.description) == ["8"])
    #expect(audit.notFinite.keys.map(\.description) == ["2", "3"] && audit.zero.keys.map(\.description) == ["4"])
    #expect(audit.misfits.keys.map(\.description) == ["5"] && audit.otherDimensions == [3: 1])
    #expect(audit.lengths.notNormalised.keys.map(\.description) == ["6"] && audit.lengths.count == 4)
    #expect(audit.lengths.least == 1 && audit.lengths.greatest == 2)
    #expect(!audit.keepsDigests)
    for key in 20..<40 { audit.add(Self.row(Int64(key), 0, isStale: key.isMultiple(of: 2))) }
    #expect(audit.zero.count == 21 && audit.zero.keys.count == RowExamples.most)
    #expect(audit.keepsDigests && audit.stale.count == 10)
  }

  @Test func `a reservoir takes each row with the same chance, and no more than it may`() {
    var random = SeededGenerator(seed: 3)
    var taken = [Int64: Int]()
    for _ in 0..<2_000 {
      var reservoir = RowReservoir(size: 5)
      for key in 0..<50 { reservoir.offer(.integer(Int64(key)), using: &random) }
      #expect(Set(reservoir.keys).count == 5)
      for key in reservoir.keys { if case .integer(let number) = key { taken[number, default: 0] += 1 } }
    }
    // 200 each are expected; the deviation is 13.
    #expect(taken.count == 50 && taken.values.allSatisfy { (130...270).contains($0) })
    var none = RowReservoir(size: 0)
    none.offer(.integer(1), using: &random)
    #expect(none.keys.isEmpty)
  }

  @Test func `recall counts what is as near as the true neighbours, whichever rows they are`() {
    var recall = Recall(found: [[0, 0.2, 0.3], [0, 0.9]])
    recall.add(window: [[0, 0.5], [0]])
    recall.add(window: [[0.2, 0.3, .nan], [0.1]])
    // Of four and two true neighbours, three and one were found.
    #expect(recall.share == 4.0 / 6)
    #expect(Recall(found: []).share == nil)
    var all = Recall(found: [Array(repeating: 0.5, count: 10)])
    all.add(window: [Array(repeating: 0.5, count: 10)])
    all.add(window: [Array(repeating: 0.5, count: 10)])
    #expect(all.share == 1)
  }

  @Test func `each distinct input of a sample is asked for once, and compared for each preparation`() {
    let rows = [("a\nb", [1, 0]), ("a b", [1, 0]), ("c", [0, 1])].enumerated().map {
      SampledRow(key: .integer(Int64($0.offset)), text: $0.element.0, vector: $0.element.1.map(Float.init))
    }
    let comparison = SampleComparison(
      of: rows, preparedBy: [TextPreparation(newlines: .space), TextPreparation(newlines: .keep)])
    #expect(comparison.inputs == ["a b", "a\nb", "c"])
    let results = comparison.results([
      TextDigest(of: "a b"): [2, 0], TextDigest(of: "a\nb"): [0, 1], TextDigest(of: "c"): [0, 3],
    ])
    #expect(results.map(\.compared) == [3, 3] && results[0].unlike.isEmpty && results[1].unlike == [.integer(0)])
    #expect(results[0].leastCosine == 1 && results[1].leastCosine == 0)
    // One without a vector is left out.
    #expect(comparison.results([TextDigest(of: "c"): [0, 1]]).map(\.compared) == [1, 1])
  }

  @Test func `a vector's tag survives half precision, and tells other vectors apart`() {
    let vector: [Float] = [0.1, -0.33333, 1e-9, 70_000]
    #expect(VectorTag(of: vector) == VectorTag(of: vector.map { Float(Float16($0)) }))
    #expect(VectorTag(of: vector) != VectorTag(of: [0.1, -0.334, 1e-9, 70_000]))
  }
}
