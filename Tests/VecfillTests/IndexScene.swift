import Backfill
import Foundation
import TestSupport
import Testing

/// A scene with the original application's vector indexes, and what can be seen of them.
struct IndexScene {
  static let names = ["idx_chat_messages_embedding_user", "idx_standalone_messages_embedding"]

  let scene: Scene
  /// The definitions of the indexes as the application made them, each valid.
  let original: [[String?]]

  /// A scene whose job has `index: {when: policy}`, with messages in both tables; `gate` holds the requests from the
  /// `held`th on.
  static func run(
    _ engine: ChatDatabase.Engine, _ policy: String, indexed: Bool = true, gate: EmbeddingsServer.Gate? = nil,
    held: Int = 0, rules: [EmbeddingsServer.Rule] = [], _ body: (IndexScene) async throws -> Void
  ) async throws {
    let holding = gate.map { [EmbeddingsServer.Rule.requests(held..<10_000, .hold($0, then: .answer))] } ?? []
    try await Scene.run(engine, rules: holding + rules, indexed: indexed) { scene in
      try scene.write(spec: scene.spec + "\nindex: {when: \(policy)}")
      for table in ChatDatabase.tables {
        try await scene.database.insert((0..<60).map { "\(table) \($0)" }, into: table)
      }
      try await body(IndexScene(scene: scene, original: engine == .sqlite ? [] : try await indexes(of: scene)))
    }
  }

  static func indexes(of scene: Scene) async throws -> [[String?]] {
    try await scene.database.rows(
      """
      SELECT pg_get_indexdef(i.indexrelid), i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_am m ON m.oid = c.relam WHERE m.amname = 'hnsw' ORDER BY 1
      """)
  }

  func indexes() async throws -> [[String?]] { try await Self.indexes(of: scene) }

  /// Whether each vector index is valid, "t" or "f". Unlike `indexes` it can be asked during a drop, in which PostgreSQL
  /// may fail to tell a definition.
  func validity() async throws -> [String?] { try await Self.validity(of: scene) }

  static func validity(of scene: Scene) async throws -> [String?] {
    try await scene.database.rows(
      """
      SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_am m ON m.oid = c.relam WHERE m.amname = 'hnsw'
      """
    ).map { $0.first ?? nil }
  }

  /// The names that are recorded to be put back.
  func recorded() async throws -> [String?] {
    guard try await scene.database.rows("SELECT to_regclass('vecfill_index')").first?.first != .some(nil) else {
      return []
    }
    return try await scene.database.rows("SELECT index_name FROM vecfill_index ORDER BY 1").map { $0.first ?? nil }
  }

  /// A transaction for which each concurrent drop and build of the first table's index has to wait.
  func hold() throws -> Hold { try Hold("LOCK TABLE chat_messages IN ROW EXCLUSIVE MODE", on: scene.database.url) }

  /// Everything is as it should be after a run that completed.
  func expectDone(_ exit: VecfillProcess.Exit, code: Int32 = 0) async throws {
    #expect(exit.code == code, "\(exit.errors)\(exit.output)")
    #expect(try await indexes() == original)
    #expect(try await recorded() == [])
    #expect(!exit.output.contains("away until"))
  }

  /// The environment of another machine, which shares nothing but the database and the API.
  var elsewhere: [String: String?] {
    ["XDG_STATE_HOME": scene.folder.file("other"), "VECFILL_LEDGER": scene.folder.file("other/ledger.db")]
  }
}
