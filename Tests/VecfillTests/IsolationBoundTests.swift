import Foundation
import TestSupport
import Testing

/// What it costs to find the one text that the provider will not take.
@Suite struct IsolationBoundTests {
  @Test(arguments: TextFault.all, [3, 100]) func `one bad text in n costs few more requests`(
    _ fault: TextFault, rows: Int
  ) async throws {
    try await costs(fault, rows: rows)
  }

  @Test(arguments: TextFault.typical, [10, 1_000])
  func `one bad text costs no more among others`(_ fault: TextFault, rows: Int) async throws {
    try await costs(fault, rows: rows)
  }

  private func costs(_ fault: TextFault, rows: Int) async throws {
    let batch = min(rows, 100)
    try await Scene.run(.sqlite, rules: [fault.rule]) { scene in
      try scene.write(spec: scene.spec.replacing("batch_size: 10", with: "batch_size: \(batch)"))
      try await scene.database.insert(
        (0..<rows).map { $0 == rows * 2 / 3 ? "\(TextFault.marker) \($0)" : "message \($0)" })
      let exit = try await scene.fill([], fault.isSlow ? ["VECFILL_TIMEOUT": "1"] : [:])
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(try await scene.database.count("embedding IS NULL") == 1)
      let extra = scene.server.record.requests.count - rows / batch
      let bound = 2 * Int(log2(Double(batch)).rounded(.up)) + 8
      #expect(extra > 0, "the fault never happened")
      #expect(extra <= bound)
      print("figure: \(fault.testDescription), 1 of \(rows): \(extra) more requests, the bound is \(bound)")
    }
  }

  @Test(arguments: 0..<3)
  func `three rows with a bad one end within a minute at the defaults`(_ bad: Int) async throws {
    let eof = EmbeddingsServer.Response.error(500, type: "api_error", message: "do embedding request: EOF")
    try await Scene.run(.sqlite, rules: [.texts(with: TextFault.marker, .respond(eof))]) { scene in
      try await scene.database.insert((0..<3).map { $0 == bad ? TextFault.marker : "message \($0)" })
      let clock = ContinuousClock()
      let start = clock.now
      let exit = try await scene.fill()
      let took = clock.now - start
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(try await scene.database.count("embedding IS NOT NULL") == 2)
      #expect(took < .seconds(60))
      print("figure: 3 rows with one bad: \(took), \(scene.server.record.requests.count) requests")
    }
  }
}
