import Foundation
import TestSupport
import Testing

/// Rows whose text can't be read: they are named and counted apart, and the page goes on.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct UnreadableRowTests {
  /// Bytes that are no UTF-8, by what they are.
  static let bytes = [
    "Latin-1": "636166e9", "cut": "61e282", "overlong": "c0af", "a surrogate": "eda080", "too great": "f5808080",
  ].sorted { $0.key < $1.key }

  @Test(arguments: bytes.map { ($0.value, "TEXT") } + bytes.prefix(2).map { ($0.value, "BLOB") })
  func `bytes in SQLite that are no UTF-8 are quarantined as unreadable, until the row is mended`(
    bytes: String, type: String
  ) async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((1...30).map { "message \($0)" } + [" "])
      try await scene.database.run(
        "UPDATE chat_messages SET content = CAST(x'\(bytes)' AS \(type)) WHERE id IN (7, 21)")
      let exit = try await scene.fill()
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(exit.output.contains("blank, skipped       1\n"), "\(exit.output)")
      #expect(exit.output.contains("quarantined          2 (2 unreadable)\n"), "\(exit.output)")
      #expect(exit.output.contains("rows written         28\n"))
      #expect(
        exit.errors.contains("chat_messages id 7: quarantined, unreadable: its bytes are no UTF-8"), "\(exit.errors)")
      let list = try await scene.start(["quarantine", "list"]).exit().output
      #expect(list.contains("chat_messages 7  unreadable: ") && list.contains("chat_messages 21  unreadable: "))
      let requests = scene.server.record.requests.count
      let again = try await scene.fill()
      #expect(again.code == 0, "none of them is new")
      #expect(again.output.contains("quarantined          2 (2 unreadable)\n"), "\(again.output)")
      #expect(scene.server.record.requests.count == requests)

      try await scene.database.run("UPDATE chat_messages SET content = 'mended ' || id WHERE id IN (7, 21)")
      let mended = try await scene.fill()
      #expect(mended.code == 0, "\(mended.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedAgain == 0)
    }
  }

  /// A database of its own whose texts the server itself can't send, and how they are mended.
  struct Damage: CustomTestStringConvertible {
    let testDescription: String
    let encoding: String
    let fill: String
    let told: String
  }

  static let damages = [
    Damage(
      testDescription: "a byte that WIN1252 leaves open", encoding: "WIN1252",
      fill: "SET client_encoding = 'WIN1252'; UPDATE m SET content = 'x' || E'\\x81' WHERE id IN (7, 21)",
      told: "SQLSTATE 22P05"),
    Damage(
      testDescription: "bytes of another encoding in EUC_JP", encoding: "EUC_JP",
      fill: "SET client_encoding = 'EUC_JP'; UPDATE m SET content = 'x' || E'\\x8f\\xa2\\xa1' WHERE id IN (7, 21)",
      told: "SQLSTATE 22P05"),
    Damage(
      testDescription: "Latin-1 in a database that says UTF8", encoding: "SQL_ASCII",
      fill: """
        UPDATE m SET content = E'caf\\xe9' WHERE id IN (7, 21);
        UPDATE pg_database SET encoding = pg_char_to_encoding('UTF8') WHERE datname = current_database()
        """, told: "its bytes are no"),
    Damage(
      testDescription: "a value in pieces, of which one is too many", encoding: "UTF8",
      fill: """
        ALTER TABLE m ALTER content SET STORAGE EXTERNAL;
        UPDATE m SET content = repeat(md5(id::text), 200) WHERE id IN (7, 21);
        UPDATE pg_class SET relkind = 'r'
          WHERE oid = (SELECT reltoastrelid FROM pg_class WHERE oid = 'm'::regclass);
        DO $$ DECLARE toast text := (SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'm'::regclass); BEGIN
          EXECUTE 'INSERT INTO ' || toast || ' SELECT chunk_id, 99, chunk_data FROM ' || toast || ' WHERE chunk_seq = 1';
        END $$;
        UPDATE pg_class SET relkind = 't'
          WHERE oid = (SELECT reltoastrelid FROM pg_class WHERE oid = 'm'::regclass)
        """, told: "its stored value is damaged (SQLSTATE XX001)"),
  ]

  @Test(
    arguments: damages.map { (PostgresCluster.Major.eighteen, $0) } + [(.sixteen, damages[0]), (.sixteen, damages[3])])
  func `a text that PostgreSQL can't send is quarantined as unreadable, and the page goes on`(
    major: PostgresCluster.Major, damage: Damage
  ) async throws {
    let cluster = try await PostgresCluster.shared(major)
    let database = PostgresDatabase(port: cluster.port, name: "odd_\(UUID().uuidString.lowercased())")
    try await PostgresDatabase(port: cluster.port, name: "postgres")
      .run("CREATE DATABASE \"\(database.name)\" TEMPLATE template0 ENCODING \(damage.encoding)")
    try await database.run(
      """
      CREATE EXTENSION vector;
      CREATE TABLE m (id int PRIMARY KEY, content text, embedding vector(8));
      INSERT INTO m SELECT n, 'message ' || n FROM generate_series(1, 30) AS n
      """)
    for statement in damage.fill.split(separator: ";\nUPDATE pg_class").enumerated() {
      try await database.run((statement.offset == 0 ? "" : "UPDATE pg_class") + statement.element)
    }
    await #expect(throws: (any Error).self) {
      try await database.run(
        "SET client_encoding = 'UTF8'; SELECT convert_from(convert_to(content, 'UTF8'), 'UTF8') FROM m")
    }
    try await Scene.run(.sqlite) { scene in
      try scene.write(
        spec: scene.spec.replacingOccurrences(
          of: "  - table: chat_messages\n  - table: standalone_chat_messages\n", with: "  - table: m\n"))
      let place = ["DATABASE_URL": String?.some(database.url)]
      // With the index that leaves out blank rows, and without: such bytes must not keep it from being made.
      if major == .eighteen {
        let up = try await scene.start(["migrate", "up", "job.yaml"], place).exit()
        #expect(up.code == 0 && up.errors.contains("m_embedding_missing: applied"), "\(up.errors)")
      }
      let exit = try await scene.fill([], place)
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(exit.output.contains("rows written         28\n"), "\(exit.output)")
      #expect(exit.output.contains("quarantined          2 (2 unreadable)\n"), "\(exit.output)")
      #expect(try await database.value("SELECT count(*) FROM m WHERE embedding IS NOT NULL") == "28")
      let list = try await scene.start(["quarantine", "list"], place).exit().output
      #expect(list.contains("m 7  unreadable: ") && list.contains("m 21  unreadable: "), "\(list)")
      #expect(list.components(separatedBy: damage.told).count == 3, "\(list)")
      let requests = scene.server.record.requests.count
      #expect(try await scene.fill(["--fail-on", "quarantined"], place).code == 83)
      #expect(scene.server.record.requests.count == requests)

      try await database.run("UPDATE m SET content = 'mended ' || id WHERE id IN (7, 21)")
      let mended = try await scene.fill([], place)
      #expect(mended.code == 0, "\(mended.errors)")
      #expect(try await database.value("SELECT count(*) FROM m WHERE embedding IS NULL") == "0")
    }
  }
}
