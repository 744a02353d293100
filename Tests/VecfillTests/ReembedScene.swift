import Backfill
import Foundation
import TestSupport

/// A chat database whose columns hold one model's vectors, a server that has two models, and what the change from the one
/// to the other leaves.
struct ReembedScene: Sendable {
  static let former = "text-embedding-3-small"
  static let new = "text-embedding-3-large"

  let scene: Scene
  /// Of the new model.
  let dimensions: Int
  /// What the job says besides.
  var edits = ""

  /// Serves while `body` runs. The columns are filled and indexed.
  ///
  /// - Parameter changes: SQL that makes other tables of the empty ones.
  static func run(
    _ engine: ChatDatabase.Engine, dimensions: Int = 8, rows: Int = 40, rules: [EmbeddingsServer.Rule] = [],
    changes: String? = nil, _ body: (ReembedScene) async throws -> Void
  ) async throws {
    var options = EmbeddingsServer.Options()
    options.otherModels = [new]
    try await Scene.run(engine, options, rules: rules, indexed: true) { scene in
      if let changes { try await scene.database.run(changes) }
      try await scene.database.insert((0..<rows).map { "message \($0)" })
      try await scene.database.insert((0..<rows / 2).map { "standalone \($0)" }, into: "standalone_chat_messages")
      try await scene.database.run("UPDATE chat_messages SET content = '  ' WHERE id = 3")
      let up = try await scene.start(["migrate", "up", "job.yaml"]).exit()
      let fill = try await scene.fill()
      guard up.code == 0, fill.code == 0 else { throw SceneError(description: up.errors + fill.errors) }
      try await body(ReembedScene(scene: scene, dimensions: dimensions))
    }
  }

  /// The arguments that begin it.
  var beginning: [String] { ["--to", Self.new, "--dimensions", "\(dimensions)", "--yes"] }

  func start(_ arguments: [String], _ changes: [String: String?] = [:]) throws -> VecfillProcess {
    try scene.start(["reembed", "job.yaml"] + arguments, changes)
  }

  func reembed(_ arguments: [String], _ changes: [String: String?] = [:]) async throws -> VecfillProcess.Exit {
    try await start(arguments, changes).exit()
  }

  /// The job of before it.
  func writeSpec() throws { try scene.write(spec: scene.spec + edits) }

  /// The job of after the change.
  func writeNewSpec() throws {
    try scene.write(
      spec: (scene.spec + edits).replacing("model: \(Self.former)", with: "model: \(Self.new)")
        .replacing("dimensions: 8", with: "dimensions: \(dimensions)"))
  }

  /// The texts of rows whose vector in `column` isn't the one of their text by `model`, or is missing.
  func wrong(_ model: String, in column: String = "embedding") async throws -> [String] {
    var wrong: [String] = []
    for table in ChatDatabase.tables {
      for row in try await scene.database.rows("SELECT content, \(column)::text FROM \(table)") {
        let text = row[0] ?? ""
        guard let input = TextPreparation(newlines: .space).input(for: text) else { continue }
        if try !Self.isRight(row[1], input, model) { wrong.append("\(text): \(row[1] ?? "NULL")") }
      }
    }
    return wrong
  }

  private static func isRight(_ stored: String?, _ input: String, _ model: String) throws -> Bool {
    guard let stored else { return false }
    let values = stored.dropFirst().dropLast().split(separator: ",").compactMap { Float($0) }
    let seed = model == former ? input : "\(model): \(input)"
    let right = EmbeddingsServer.vector(for: seed, dimensions: values.count)
    return zip(values, right).allSatisfy { abs($0 - $1) < 1e-5 }
  }

  /// The application's tables as the catalogue has them: columns, indexes, triggers, constraints, functions.
  func definitions() async throws -> [[String?]] {
    try await scene.database.rows(
      """
      SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || a.attstorage::text
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      WHERE c.relname IN ('chat_messages', 'standalone_chat_messages') AND a.attnum > 0 AND NOT a.attisdropped
      UNION ALL SELECT indexdef FROM pg_indexes WHERE tablename IN ('chat_messages', 'standalone_chat_messages')
      UNION ALL SELECT 'invalid ' || indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid
      UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
      UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid <> 0 AND conrelid::regclass::text NOT LIKE '%vecfill%'
      UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE '%vecfill%'
      ORDER BY 1
      """)
  }

  /// What is recorded of reembeddings: a row a column.
  func records() async throws -> [[String?]] {
    try await scene.database.rows("SELECT table_name, step FROM vecfill_reembedding ORDER BY 1")
  }
}
