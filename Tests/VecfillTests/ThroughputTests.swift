import Backfill
import Foundation
import TestSupport
import Testing

/// Finds what makes a run many times as slow, on any machine: beside a bare write of the same rows, and in turns with it.
@Suite(.serialized) struct ThroughputTests {
  private static let rows = 2_000
  private static let dimensions = 1_536
  /// How many times the bare write's time a run may take at most. On a machine of two cores a debug build took 1.7 to 2.3
  /// times, 5 with four endless loops beside it, and 110 with one text a request.
  private static let most = 12.0

  @Test func `a run takes at most twelve times as long as a bare write of its rows`() async throws {
    let vector = (0..<Self.dimensions).map { _ in Float.random(in: -0.1...0.1) }
    try await Scene.run(.postgres18, rules: [.always(.respondTo(Self.answer(of: vector)))]) { scene in
      let clock = ContinuousClock()
      let statements = Self.bareWrite(of: vector)
      var (bare, run) = (Duration.seconds(1_000), Duration.seconds(1_000))
      // The least of some: what else the machine does meanwhile makes either longer.
      for round in 1...3 {
        try await Self.renew(scene)
        bare = min(
          bare, try await clock.measure { for statement in statements { try await scene.database.run(statement) } })
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

  /// The same vector for each text but for its first three values, by which all differ: the server's own work is no part of
  /// this.
  private static func answer(of vector: [Float]) -> @Sendable ([String]) -> EmbeddingsServer.Response {
    // Three floats are 12 bytes, which are 16 characters of base64.
    let rest = vector.withUnsafeBytes { Data($0) }.base64EncodedString().dropFirst(16)
    let answered = Locked(0)
    return { texts in
      let first = answered.withLock { count in
        defer { count += texts.count }
        return count
      }
      let items = texts.indices.map { index in
        let number = first + index
        let own = [Float(number % 100) / 1_000, Float(number / 100 % 100) / 1_000, Float(number / 10_000) / 1_000]
        let base64 = own.withUnsafeBytes { Data($0) }.base64EncodedString()
        return #"{"index":\#(index),"embedding":"\#(base64)\#(rest)"}"#
      }.joined(separator: ",")
      return EmbeddingsServer.Response(
        200, headers: [("Content-Type", "application/json")],
        body: #"{"model":"text-embedding-3-small","data":[\#(items)],"usage":{"prompt_tokens":\#(2 * texts.count)}}"#)
    }
  }

  /// A statement for each hundred rows, which is a transaction.
  private static func bareWrite(of vector: [Float]) -> [String] {
    let text = "[\(vector.map(\.description).joined(separator: ","))]"
    return stride(from: 1, to: rows, by: 100).map { start in
      let values = (start..<start + 100).map { "(\($0), '\(text)')" }.joined(separator: ",")
      return """
        UPDATE chat_messages AS m SET embedding = v.text::vector FROM (VALUES \(values)) AS v (key, text)
        WHERE m.id = v.key AND m.embedding IS NULL
        """
    }
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
        .replacing("dimensions: 8", with: "dimensions: \(dimensions)").replacing(
          "batch_size: 10", with: "batch_size: 100"))
  }
}
