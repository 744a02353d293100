import Foundation
import TestSupport
import Testing

/// How long it takes at the defaults to find the one text that the provider will not take; `OddTextTests` counts requests.
@Suite struct IsolationBoundTests {
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
