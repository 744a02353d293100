import Backfill
import Foundation
import Migrations
import Postgres
import TestSupport

/// The migrations that ship, on a database of a test's own.
struct Fixture {
  let database: PostgresDatabase
  let lines = Lines()

  static let shipped = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "jobs/migrations").path

  init(_ major: PostgresCluster.Major, _ start: StartingSchema, pgvector: Bool = false) async throws {
    database = try await PostgresCluster.shared(major).freshDatabase(pgvector: pgvector)
    try await database.run(start.postgres)
  }

  /// Of a database that is there, with no line told yet.
  init(_ database: PostgresDatabase) { self.database = database }

  /// Runs `body` on a migrator of its own connections.
  @discardableResult
  func migrating<Value>(
    url: String? = nil, folder: String = shipped, patience: LockPatience = LockPatience(),
    lockWait: Duration = .seconds(60), _ body: (Migrator) async throws -> Value
  ) async throws -> Value {
    let lines = lines
    return try await connected(url: url, patience: patience) { database in
      let set = try MigrationSet(in: folder, for: .postgres)
      return try await body(Migrator(database, set, lockWait: lockWait) { lines.append($0) })
    }
  }

  /// Runs `body` on a migrator of what `job` needs.
  @discardableResult
  func migrating<Value>(
    for job: Job, url: String? = nil, _ body: (Migrator) async throws -> Value
  ) async throws -> Value {
    let lines = lines
    return try await connected(url: url, schema: job.firstSchema) { database in
      let needs = try await JobMigrations(job, database)
      for note in needs.notes { lines.append(note) }
      return try await body(Migrator(database, needs.set) { lines.append($0) })
    }
  }

  private func connected<Value>(
    url: String?, schema: String? = nil, patience: LockPatience = LockPatience(),
    _ body: (PostgresMigrations) async throws -> Value
  ) async throws -> Value {
    try await PostgresMigrations.connect(
      to: DatabaseURL(url ?? database.url), applicationName: "vecfill tests pid \(getpid())", schema: schema,
      patience: patience,
      narrator: lines.narrator
    ).closing(body)
  }

  /// The catalogue's rows of all but vecfill's own tables.
  func catalogue() async throws -> [[String?]] {
    try await database.run(
      """
      SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
        pg_get_expr(d.adbin, d.adrelid)
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
        AND c.relname !~ '^vecfill_'
      UNION ALL
      SELECT 'index', c.relname, pg_get_indexdef(i.indexrelid), i.indisvalid::text, i.indisready::text, NULL
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
      WHERE c.relnamespace = 'public'::regnamespace AND t.relname !~ '^vecfill_'
      UNION ALL
      SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), NULL, NULL FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text !~ '^vecfill_'
      UNION ALL
      SELECT 'extension', extname, extversion, NULL, NULL, NULL FROM pg_extension
      ORDER BY 1, 2, 3, 4
      """)
  }

  func states() async throws -> [[String?]] {
    try await database.run("SELECT version, state, outcomes FROM vecfill_migration ORDER BY version")
  }
}

/// What a migrator told.
final class Lines: Sendable {
  private let lines = Locked<[String]>([])

  /// Keeps the lines that stay.
  var narrator: Narrator {
    Narrator(tell: { self.append($0) }, warn: { self.append("warning: \($0)") }, show: { _ in })
  }

  func append(_ line: String) { lines.withLock { $0.append(line) } }
  var all: [String] { lines.withLock { $0 } }
  func contain(_ text: String) -> Bool { all.contains { $0.contains(text) } }
}
