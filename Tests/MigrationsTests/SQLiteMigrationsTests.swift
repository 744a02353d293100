import Backfill
import Foundation
import GRDB
import Migrations
import TestSupport
import Testing

@Suite struct SQLiteMigrationsTests {
  static func migrating<Value>(
    _ path: String, folder: String = Fixture.shipped, _ body: (Migrator) async throws -> Value
  ) async throws -> Value {
    let database = try SQLiteMigrations(path: path, identity: "sqlite", applicationName: "tests")
    return try await database.closing { database in
      try await body(Migrator(database, try MigrationSet(in: folder, for: .sqlite)) { _ in })
    }
  }

  static func file(_ start: StartingSchema) async throws -> SQLiteFile {
    let file = try SQLiteFile()
    try await file.run(start.sqlite)
    return file
  }

  static func catalogue(_ file: SQLiteFile) async throws -> [[String?]] {
    try await file.run(
      """
      SELECT m.type, m.name, c.name, lower(c.type), c."notnull", c.dflt_value, c.pk
      FROM sqlite_master m LEFT JOIN pragma_table_xinfo(m.name) c ON m.type = 'table'
      WHERE m.name NOT LIKE 'vecfill_%' AND m.name NOT LIKE 'sqlite_%' ORDER BY 1, 2, 3
      """)
  }

  @Test(arguments: StartingSchema.allCases)
  func `up, down and up again end where up alone does`(_ start: StartingSchema) async throws {
    let file = try await Self.file(start)
    let atFirst = try await Self.catalogue(file)
    _ = try await Self.migrating(file.path) { try await $0.up() }
    let up = try await Self.catalogue(file)
    _ = try await Self.migrating(file.path) { try await $0.down(to: 0) }
    #expect(try await Self.catalogue(file) == atFirst)
    try await Self.migrating(file.path) { migrator in
      _ = try await migrator.up()
      #expect(try await migrator.verify() == [])
    }
    #expect(try await Self.catalogue(file) == up)
  }

  @Test func `the schema is the same from every start that has the tables`() async throws {
    var catalogues: [[[String?]]] = []
    for start in StartingSchema.allCases where start != .empty {
      let file = try await Self.file(start)
      _ = try await Self.migrating(file.path) { try await $0.up() }
      catalogues.append(try await Self.catalogue(file))
    }
    for catalogue in catalogues.dropFirst() { #expect(catalogue == catalogues[0]) }
    #expect(catalogues[0].contains(["table", "chat_messages", "embedding", "vector(1536)", "0", nil, "0"]))
  }

  @Test(arguments: ["up", "down"])
  func `a process that is killed at any statement leaves what the next one finishes`(_ way: String) async throws {
    func prepared() async throws -> SQLiteFile {
      let file = try await Self.file(.halfMigrated)
      if way == "down" { _ = try await Self.migrating(file.path) { try await $0.up() } }
      return file
    }
    func finish(_ file: SQLiteFile) async throws {
      try await Self.migrating(file.path) { migrator in
        if way == "up" { _ = try await migrator.up() } else { _ = try await migrator.down(to: 0) }
        #expect(try await migrator.verify() == [])
      }
    }
    let calm = try await prepared()
    try await finish(calm)
    let catalogue = try await Self.catalogue(calm)
    var statement = 1
    while true {
      let file = try await prepared()
      let (path, folder) = (file.path, Fixture.shipped)
      let exit = await #expect(processExitsWith: .failure) {
        [
          path = path as String, folder = folder as String, way = way as String, statement = statement as Int
        ] in
        try await SQLiteMigrationsTests.dieAtStatement(statement, path: path, folder: folder, way: way)
      }
      try await finish(file)
      #expect(try await Self.catalogue(file) == catalogue, "killed at \(statement)")
      if exit?.exitStatus == .exitCode(7) { break }
      #expect(exit?.exitStatus == .signal(SIGKILL))
      statement += KilledMigrationTests.stride
    }
    print("SIGKILL on SQLite on the way \(way): up to statement \(statement)")
    #expect(statement > 30)
  }

  /// Exits with 7 where the statement never came.
  static func dieAtStatement(_ chosen: Int, path: String, folder: String, way: String) async throws {
    let count = Counter()
    let database = try SQLiteMigrations(path: path, identity: "sqlite", applicationName: "tests") { db in
      db.trace { _ in if count.next() == chosen { kill(getpid(), SIGKILL) } }
    }
    let migrator = Migrator(database, try MigrationSet(in: folder, for: .sqlite)) { _ in }
    if way == "up" { _ = try await migrator.up() } else { _ = try await migrator.down(to: 0) }
    exit(7)
  }

  @Test func `eight processes at once apply each migration once`() async throws {
    let file = try await Self.file(.filled)
    let exits = try await withThrowingTaskGroup(of: VecfillProcess.Exit.self) { group in
      for _ in 0..<8 {
        group.addTask {
          try await VecfillProcess.run(
            ["migrate", "up", "--migrations", Fixture.shipped], environment: ["DATABASE_URL": file.url])
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(exits.map(\.code) == Array(repeating: 0, count: 8), "\(exits.map(\.errors))")
    let runs = try await file.run("SELECT version, count(*) FROM vecfill_migration_history GROUP BY 1 ORDER BY 1")
    #expect(runs == [1, 3, 4, 5].map { ["\($0)", "1"] })
  }

  @Test func `a different index of the same name is reported`() async throws {
    let file = try await Self.file(.beforeVectors)
    try await file.run("CREATE INDEX idx_chat_messages_unembedded ON chat_messages (role)")
    let failure = await #expect(throws: Failure.self) { try await Self.migrating(file.path) { try await $0.up() } }
    #expect(failure?.description.contains("CREATE INDEX idx_chat_messages_unembedded ON chat_messages (role)") == true)
  }

  @Test func `a file that isn't there is not made`() async throws {
    #expect(throws: Failure.self) { try SQLiteMigrations(path: "/tmp/no/such.db", identity: "", applicationName: "") }
  }
}
