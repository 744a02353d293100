import Backfill
import Foundation
import TestSupport

/// A line of `vecfill verify --json`.
struct Verified: Decodable {
  let about: String
  let check: String
  let mark: String
  let found: String
  let rows: Int?
  let keys: [String]?
  let next: String?
  let exitCode: Int32?
}

/// A table `m` of 60 rows whose vectors are those of their own texts, in a database of its own.
struct FilledTable {
  let scene: Scene
  let engine: ChatDatabase.Engine
  let database: PostgresDatabase?
  let place: [String: String?]

  static let rows = 60

  static func text(_ id: Int) -> String { id % 5 == 0 ? "line one of \(id)\nline two" : "message \(id)" }

  /// - Parameters:
  ///   - type: the column's type; nil for the usual one of 8 dimensions.
  ///   - newlines: how the texts were prepared when the vectors were made.
  static func run(
    _ engine: ChatDatabase.Engine, type: String? = nil, newlines: TextPreparation.Newlines = .space,
    prefix: String = "", options: EmbeddingsServer.Options = .ofTwoModels, _ body: (FilledTable) async throws -> Void
  ) async throws {
    let version: PostgresCluster.Major? = engine == .postgres16 ? .sixteen : engine == .postgres18 ? .eighteen : nil
    var database: PostgresDatabase?
    if let version { database = try await PostgresCluster.shared(version).freshDatabase() }
    try await Scene.run(.sqlite, options) { scene in
      let table = FilledTable(
        scene: scene, engine: engine, database: database, place: database.map { ["DATABASE_URL": $0.url] } ?? [:])
      try await table.run("CREATE TABLE m (id int PRIMARY KEY, content text, embedding \(type ?? "VECTOR(8)"))")
      let preparation = TextPreparation(newlines: newlines, prefix: prefix)
      let values = (1...rows).map { id in
        let input = preparation.input(for: text(id)) ?? ""
        return "(\(id), '\(text(id))', \(table.literal(EmbeddingsServer.vector(for: input, dimensions: 8))))"
      }
      try await table.run("INSERT INTO m VALUES \(values.joined(separator: ", "))")
      try scene.write(source: "table: m")
      try await body(table)
    }
  }

  func literal(_ vector: [Float]) -> String { "'[\(vector.map(\.description).joined(separator: ","))]'" }

  func run(_ script: String) async throws {
    if let database { try await database.run(script) } else { try await scene.database.run(script) }
  }

  func rows(_ query: String) async throws -> [[String?]] {
    if let database { return try await database.run(query) }
    return try await scene.database.rows(query)
  }

  func setVector(of id: Int, to vector: [Float]) async throws {
    try await run("UPDATE m SET embedding = \(literal(vector)) WHERE id = \(id)")
  }

  /// `vecfill COMMAND job.yaml …`, to its end.
  func command(
    _ command: String, _ arguments: [String] = [], _ changes: [String: String?] = [:]
  ) async throws -> VecfillProcess.Exit {
    try await scene.start([command, "job.yaml"] + arguments, place.merging(changes) { $1 }).exit()
  }

  func verify(
    _ arguments: [String] = ["--yes"], _ changes: [String: String?] = [:]
  ) async throws -> (found: [Verified], exit: VecfillProcess.Exit) {
    let exit = try await command("verify", ["--json"] + arguments, changes)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let lines = exit.output.split(separator: "\n")
    return (try lines.map { try decoder.decode(Verified.self, from: Data($0.utf8)) }, exit)
  }
}

extension [Verified] {
  func line(_ check: String) -> Verified? { first { $0.check == check } }
  /// The checks that failed.
  var failed: [String] { filter { $0.mark == "failed" }.map(\.check) }
}
