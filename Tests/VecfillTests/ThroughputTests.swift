import Foundation
import TestSupport
import Testing

/// Finds what makes a run many times as slow, on any machine: beside a bare write of the same rows, and in turns with it.
@Suite(.serialized) struct ThroughputTests {
  private static let rows = 2_000
  private static let dimensions = 1_536
  /// How many times the bare write's time a run may take at most. A debug build took 2 to 4 times on a machine of two cores,
  /// quiet or not.
  private static let most = 12.0

  @Test func `a run takes at most twelve times as long as a bare write of its rows`() async throws {
    let delay = ProcessInfo.processInfo.environment["VECFILL_TEST_PROVIDER_DELAY"].flatMap(Double.init)
    let vector = (0..<Self.dimensions).map { _ in Float.random(in: -0.1...0.1) }
    try await Scene.run(.postgres18, rules: [.always(.respondTo(Self.answer(of: vector, delay)))]) { scene in
      let clock = ContinuousClock()
      let statement = Self.bareWrite(of: vector)
      var (bare, run) = (Duration.seconds(1_000), Duration.seconds(1_000))
      // The least of some: what else the machine does meanwhile makes either longer.
      for round in 1...3 {
        try await Self.renew(scene)
        bare = min(bare, try await clock.measure { try await scene.database.run(statement) })
        #expect(try await scene.database.count("embedding IS NULL") == 0)
        try await Self.renew(scene)
        var exit: VecfillProcess.Exit?
        run = min(run, try await clock.measure { exit = try await scene.fill([], scene.elsewhere("\(round)")) })
        #expect(exit?.code == 0, "\(exit?.errors ?? "")")
        #expect(try await scene.database.count("embedding IS NULL") == 0)
      }
      print("figure: \(Self.rows) rows in \(run), a bare write of them in \(bare): \(run / bare) times")
      #expect(run / bare < Self.most)
    }
  }

  /// The same vector for each text: the server's own work is no part of this.
  private static func answer(
    of vector: [Float], _ delay: Double?
  ) -> @Sendable ([String]) -> EmbeddingsServer.Response {
    let base64 = vector.withUnsafeBytes { Data($0) }.base64EncodedString()
    return { texts in
      if let delay { Thread.sleep(forTimeInterval: delay) }
      let items = texts.indices.map { #"{"index":\#($0),"embedding":"\#(base64)"}"# }.joined(separator: ",")
      return EmbeddingsServer.Response(
        200, headers: [("Content-Type", "application/json")],
        body: #"{"model":"text-embedding-3-small","data":[\#(items)],"usage":{"prompt_tokens":\#(2 * texts.count)}}"#)
    }
  }

  /// A statement a row, a transaction for a hundred of them, all sent at once.
  private static func bareWrite(of vector: [Float]) -> String {
    let text = "[\(vector.map(\.description).joined(separator: ","))]"
    let updates = (1...rows).map { key in
      "EXECUTE put('\(text)', \(key));\(key % 100 == 0 ? "COMMIT;BEGIN;" : "")"
    }
    return "PREPARE put(vector, int) AS UPDATE chat_messages SET embedding = $1 WHERE id = $2 AND embedding IS NULL;BEGIN;"
      + updates.joined() + "COMMIT"
  }

  /// The same rows anew, without vectors.
  private static func renew(_ scene: Scene) async throws {
    try await scene.database.run(
      """
      DROP TABLE IF EXISTS vecfill_column;
      DROP TABLE chat_messages;
      CREATE TABLE chat_messages (id serial PRIMARY KEY, content text NOT NULL, embedding vector(\(dimensions)));
      INSERT INTO chat_messages (content) SELECT 'message ' || i FROM generate_series(1, \(rows)) i;
      """)
    try scene.write(
      spec: scene.unlimitedSpec.replacing("  - table: standalone_chat_messages\n", with: "")
        .replacing("dimensions: 8", with: "dimensions: \(dimensions)").replacing("batch_size: 10", with: "batch_size: 100"))
  }
}
