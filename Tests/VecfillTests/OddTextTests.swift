import Backfill
import Foundation
import TestSupport
import Testing

/// One text that the provider will not take stops nothing but its own row (P7), whatever the provider does with it.
@Suite struct OddTextTests {
  /// How many rows there are, and how many make a request.
  struct Shape: CustomTestStringConvertible, Sendable {
    let rows: Int
    let batch: Int

    var testDescription: String { "\(rows) rows by \(batch)" }

    /// How many more requests one bad text may cost: two a halving, and its own tries.
    var mostRequests: Int { 2 * Int(log2(Double(min(rows, batch))).rounded(.up)) + 8 }

    static let others = [
      Shape(rows: 1, batch: 10), Shape(rows: 3, batch: 1), Shape(rows: 10, batch: 10), Shape(rows: 100, batch: 100),
    ]
  }

  @Test(arguments: TextFault.all)
  func `one bad text goes into quarantine and all others are filled`(_ fault: TextFault) async throws {
    try await isolates(fault, Shape(rows: 60, batch: 10), .sqlite)
  }

  // All rows are in one request, so that nothing is answered before it fails.
  @Test(arguments: TextFault.typical + TextFault.further)
  func `it is so though nothing was answered yet`(_ fault: TextFault) async throws {
    try await isolates(fault, Shape(rows: 3, batch: 10), .sqlite)
  }

  @Test(arguments: TextFault.typical, Shape.others)
  func `it is so however many rows there are and make a request`(_ fault: TextFault, _ shape: Shape) async throws {
    try await isolates(fault, shape, .sqlite)
  }

  @Test(arguments: TextFault.reactions)
  func `it is so among a thousand rows`(_ fault: TextFault) async throws {
    try await isolates(fault, Shape(rows: 1_000, batch: 100), .sqlite)
  }

  @Test(arguments: TextFault.reactions)
  func `it is so in PostgreSQL`(_ fault: TextFault) async throws {
    try await isolates(fault, Shape(rows: 60, batch: 10), .postgres18)
  }

  @Test(arguments: TextFault.reactions, [1, 60])
  func `it is so after a run that was answered`(_ fault: TextFault, rows: Int) async throws {
    try await isolates(fault, Shape(rows: rows, batch: 10), .sqlite, answeredBefore: true)
  }

  @Test(arguments: TextFault.typical)
  func `several bad texts go into quarantine side by side`(_ fault: TextFault) async throws {
    try await isolates(fault, Shape(rows: 60, batch: 10), .sqlite, bad: [0, 1, 17, 59])
  }

  private func isolates(
    _ fault: TextFault, _ shape: Shape, _ engine: ChatDatabase.Engine, answeredBefore: Bool = false,
    bad: Set<Int>? = nil
  ) async throws {
    try await Scene.run(engine, rules: [fault.rule]) { scene in
      try scene.write(spec: scene.spec.replacing("batch_size: 10", with: "batch_size: \(shape.batch)"))
      if answeredBefore {
        try await scene.database.insert((0..<20).map { "early message \($0)" })
        #expect(try await scene.fill().code == 0)
      }
      let bad = bad ?? [shape.rows * 2 / 3]
      let texts = (0..<shape.rows).map { bad.contains($0) ? "\(TextFault.marker) text \($0)" : "message \($0)" }
      try await scene.database.insert(texts)
      let answered = scene.server.record.requests.count
      let clock = ContinuousClock()
      let start = clock.now
      let exit = try await scene.fill([], fault.isSlow ? ["VECFILL_TIMEOUT": "1"] : [:])
      let took = clock.now - start
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(took < .seconds(60), "\(took)")
      let more = scene.server.record.requests.count - answered - (shape.rows + shape.batch - 1) / shape.batch
      let bound = bad.count * shape.mostRequests
      #expect(more > 0, "the fault never happened")
      #expect(more <= bound)
      print("figure: \(fault.testDescription), \(bad.count) of \(shape): \(more) more requests, the bound is \(bound)")
      try await expect(scene, isolated: bad, of: texts, fault, shape)
      #expect(!exit.errors.contains(TextFault.marker) && !exit.errors.contains("message 1"), "\(exit.errors)")

      let requests = scene.server.record.requests.count
      #expect(try await scene.fill(["--max-quarantined", "\(bad.count)"]).code == 0)
      #expect(scene.server.record.requests.count == requests)
    }
  }

  private func expect(
    _ scene: Scene, isolated bad: Set<Int>, of texts: [String], _ fault: TextFault, _ shape: Shape
  ) async throws {
    let record = scene.server.record
    let badTexts = bad.map { texts[$0] }
    for text in badTexts {
      #expect(record.requests.count { $0.digests.contains(TextDigest(of: text)) } >= 1, "the fault never happened")
    }
    let unfilled = try await scene.database.vectors().filter { $0.vector == nil }.map(\.text)
    #expect(Set(unfilled) == Set(badTexts))
    #expect(Set(try await scene.wrongRows()) == Set(badTexts))

    let list = try await scene.start(["quarantine", "list", "--json"]).exit()
    let listed = try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]]
    #expect(listed?.count == bad.count, "\(list.output)")
    #expect(!list.output.contains(TextFault.marker), "\(list.output)")

    let most =
      if fault.isBilled {
        // Each try of the whole request, each halving, and its own request.
        4 + Int(log2(Double(shape.batch)).rounded(.up)) + 1
      } else {
        1
      }
    let healthy = texts.filter { !badTexts.contains($0) }.map { record.billed[TextDigest(of: $0)] ?? 0 }
    #expect(healthy.allSatisfy { 1...most ~= $0 }, "\(healthy.max() ?? 0) times")
    if fault.isOfOneVector {
      #expect(badTexts.allSatisfy { record.billed[TextDigest(of: $0)] ?? 0 <= 2 })
    }
  }
}
