import Foundation
import GRDB

/// A chat database of a test's own, in PostgreSQL or SQLite, with the original application's two message tables.
package struct ChatDatabase: Sendable {
  package enum Engine: String, CaseIterable, Sendable {
    case postgres16, postgres18, sqlite

    /// Those that are here: without PostgreSQL the tests for each engine run on SQLite alone.
    package static var allCases: [Engine] {
      Helper.postgres.isUsable ? [.postgres16, .postgres18, .sqlite] : [.sqlite]
    }
  }

  private enum Place: Sendable {
    case postgres(PostgresDatabase)
    case sqlite(path: String)
  }

  package static let tables = ["chat_messages", "standalone_chat_messages"]

  private let place: Place
  private let dimensions: Int

  /// - Parameter indexed: whether the HNSW indexes of the original application are present.
  package init(_ engine: Engine, in folder: TemporaryFolder, dimensions: Int = 8, indexed: Bool = false) async throws {
    self.dimensions = dimensions
    switch engine {
    case .postgres16: place = .postgres(try await PostgresCluster.shared(.sixteen).freshDatabase())
    case .postgres18: place = .postgres(try await PostgresCluster.shared(.eighteen).freshDatabase())
    case .sqlite: place = .sqlite(path: folder.file("chat.db"))
    }
    try await run(schema(indexed: indexed))
  }

  /// A database in a cluster of the test's own; `isNew` makes its tables.
  package init(in database: PostgresDatabase, isNew: Bool = true) async throws {
    dimensions = 8
    place = .postgres(database)
    if isNew { try await run(schema(indexed: false)) }
  }

  package var url: String {
    switch place {
    case .postgres(let database): database.url
    case .sqlite(let path): "sqlite:///\(path)"
    }
  }

  /// Runs a script of the test's own.
  package func run(_ script: String) async throws {
    switch place {
    case .postgres(let database): _ = try await database.run(script)
    case .sqlite(let path): try await ChatDatabase.queue(path).write { try $0.execute(sql: script) }
    }
  }

  /// The rows of a query, each value as text.
  package func rows(_ query: String) async throws -> [[String?]] {
    switch place {
    case .postgres(let database): try await database.run(query)
    case .sqlite(let path):
      try await ChatDatabase.queue(path).read { db in
        try Row.fetchAll(db, sql: query).map { row in
          row.databaseValues.map { String.fromDatabaseValue($0) ?? $0.plain }
        }
      }
    }
  }

  /// Adds messages; ids follow the order.
  package func insert(_ texts: [String], into table: String = "chat_messages") async throws {
    let owner = table == "chat_messages" ? "insight_id, user_id" : "chat_id"
    let ids = table == "chat_messages" ? "1, 1" : "1"
    for start in stride(from: 0, to: texts.count, by: 500) {
      let values = texts[start..<min(start + 500, texts.count)].map {
        "(\(ids), 'user', '\($0.replacingOccurrences(of: "'", with: "''"))')"
      }
      try await run("INSERT INTO \(table) (\(owner), role, content) VALUES \(values.joined(separator: ","))")
    }
  }

  package func count(_ condition: String, in table: String = "chat_messages") async throws -> Int {
    try await rows("SELECT count(*) FROM \(table) WHERE \(condition)").first?.first.flatMap { $0 }.flatMap(Int.init)
      ?? -1
  }

  /// Each row's text with its vector, from both tables.
  package func vectors() async throws -> [(text: String, vector: [Float]?)] {
    var all: [(String, [Float]?)] = []
    for table in ChatDatabase.tables {
      for row in try await rows("SELECT content, CAST(embedding AS text) FROM \(table)") {
        let vector = row[1].map { text in
          text.dropFirst().dropLast().split(separator: ",").compactMap {
            Float($0.trimmingCharacters(in: .whitespaces))
          }
        }
        all.append((row[0] ?? "", vector))
      }
    }
    return all
  }

  private static func queue(_ path: String) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.busyMode = .timeout(10)
    return try DatabaseQueue(path: path, configuration: configuration)
  }

  /// As the original application's models declare them (facts sheet, heading 9), without the tables they refer to.
  private func schema(indexed: Bool) -> String {
    let isSQLite = if case .sqlite = place { true } else { false }
    let key = isSQLite ? "INTEGER PRIMARY KEY" : "serial PRIMARY KEY"
    let time = isSQLite ? "TEXT DEFAULT CURRENT_TIMESTAMP" : "timestamptz DEFAULT now()"
    let common =
      "role varchar(20) NOT NULL, content text NOT NULL, was_truncated boolean NOT NULL DEFAULT false, "
      + "created_at \(time), embedding VECTOR(\(dimensions))"
    let tables = """
      CREATE TABLE chat_messages (id \(key), insight_id int NOT NULL, user_id int NOT NULL, \(common));
      CREATE TABLE standalone_chat_messages (id \(key), chat_id int NOT NULL, \(common));
      CREATE INDEX idx_chat_messages_user_created ON chat_messages (user_id, created_at);
      CREATE INDEX idx_chat_messages_insight_user_created ON chat_messages (insight_id, user_id, created_at);
      """
    guard indexed, !isSQLite else { return tables }
    let options = "hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)"
    return tables + """
      CREATE INDEX idx_chat_messages_embedding_user ON chat_messages USING \(options);
      CREATE INDEX idx_standalone_messages_embedding ON standalone_chat_messages USING \(options);
      """
  }
}

extension DatabaseValue {
  fileprivate var plain: String? {
    switch storage {
    case .null: nil
    case .int64(let value): String(value)
    case .double(let value): String(value)
    case .string(let value): value
    case .blob(let data): String(decoding: data, as: UTF8.self)
    }
  }
}
