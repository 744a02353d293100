import Foundation
import TestSupport
import Testing

/// What a column's vectors are made of is known to every machine and every ledger, whatever becomes of its names (P4).
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct ColumnRecordTests {
  /// A change of names, and the source as it is spelled after it.
  struct Change {
    let script: String
    let source: String
  }

  static let postgres = [
    Change(script: "ALTER TABLE chat_messages RENAME TO m", source: "table: m"),
    Change(script: "ALTER TABLE m RENAME COLUMN embedding TO v", source: "table: m\n    vector: v"),
    Change(
      script: "CREATE SCHEMA app; ALTER TABLE m SET SCHEMA app", source: "table: app.m\n    vector: v"),
    Change(script: "ALTER SCHEMA app RENAME TO \"Odd app\"", source: "schema: Odd app\n    table: m\n    vector: v"),
    Change(
      script: "ALTER TABLE \"Odd app\".m SET SCHEMA public; ALTER TABLE m RENAME v TO embedding", source: "table: m"),
  ]

  static let sqlite = [
    Change(script: "ALTER TABLE chat_messages RENAME TO m", source: "table: m"),
    Change(script: "ALTER TABLE m RENAME COLUMN embedding TO v", source: "table: m\n    vector: v"),
    Change(script: "ALTER TABLE m ADD COLUMN more TEXT", source: "table: m\n    vector: v"),
    Change(
      script: "ALTER TABLE m RENAME COLUMN v TO vec; ALTER TABLE m RENAME TO \"Odd m\"",
      source: "table: Odd m\n    vector: vec"),
    Change(
      script: """
        CREATE TABLE copy (id INTEGER PRIMARY KEY, insight_id int, user_id int, role, vec VECTOR(8), content text);
        INSERT INTO copy SELECT id, insight_id, user_id, role, vec, content FROM "Odd m";
        DROP TABLE "Odd m"; ALTER TABLE copy RENAME TO "Odd m"
        """, source: "table: Odd m\n    vector: vec"),
  ]

  @Test(arguments: [ChatDatabase.Engine.postgres18, .sqlite])
  func `a rename, a move and a rebuild leave the record where it is`(engine: ChatDatabase.Engine) async throws {
    try await Scene.run(engine, .ofTwoModels) { scene in
      try await scene.database.insert(["a", "b"])
      try scene.write(source: "table: chat_messages")
      #expect(try await scene.fill().code == 0)
      for (number, change) in (engine == .sqlite ? Self.sqlite : Self.postgres).enumerated() {
        try await scene.database.run(change.script)
        try scene.write(source: change.source)
        let requests = scene.server.record.requests.count
        for place in [[:], scene.elsewhere("place\(number)")] {
          let exit = try await scene.fillByOther(place)
          #expect(exit.refuses(), "\(change.script): \(exit.errors)")
          // Nothing is asked again to be sure.
          let same = try await scene.fill([], place)
          #expect(same.code == 0, "\(change.script): \(same.errors)")
        }
        #expect(scene.server.record.requests.count == requests, "\(change.script)")
      }
    }
  }

  @Test(arguments: [true, false]) func `a copy of the database has its records`(isDump: Bool) async throws {
    let cluster = try await PostgresCluster.shared(.sixteen)
    let database = try await cluster.freshDatabase()
    try await database.run(
      """
      CREATE TABLE m (id int PRIMARY KEY, content text, embedding vector(8)); INSERT INTO m VALUES (1, 'a'), (2, 'b')
      """)
    try await Scene.run(.sqlite, .ofTwoModels) { scene in
      try scene.write(source: "table: m")
      #expect(try await scene.fill([], ["DATABASE_URL": database.url]).code == 0)
      let copy = try await cluster.copy(of: database, byDump: isDump)
      let requests = scene.server.record.requests.count
      let place = ["DATABASE_URL": copy.url]
      for place in [place, scene.elsewhere("first").merging(place) { $1 }] {
        let exit = try await scene.fillByOther(place)
        #expect(exit.refuses(), "\(exit.errors)")
      }
      // From now on it is the copy's own record, which follows a rename.
      try await copy.run("ALTER TABLE m RENAME TO n")
      try scene.write(source: "table: n")
      let elsewhere = scene.elsewhere("second").merging(place) { $1 }
      let exit = try await scene.fillByOther(elsewhere)
      #expect(exit.refuses(), "\(exit.errors)")
      #expect(try await scene.fill([], elsewhere).code == 0)
      #expect(scene.server.record.requests.count == requests)
      #expect(try await copy.value("SELECT count(*) FROM vecfill_column") == "1")
    }
  }

  @Test func `of a table that has been here and there the newest record counts`() async throws {
    try await Scene.run(.postgres18, .ofTwoModels) { scene in
      try await scene.database.insert(["a", "b"])
      try scene.write(source: "table: chat_messages")
      #expect(try await scene.fill().code == 0)
      try await scene.database.run(
        """
        CREATE SCHEMA app; ALTER TABLE chat_messages SET SCHEMA app; UPDATE app.chat_messages SET embedding = NULL
        """)
      try scene.write(source: "table: app.chat_messages")
      #expect(try await scene.fillByOther().code == 0)
      try await scene.database.run("ALTER TABLE app.chat_messages SET SCHEMA public")
      try scene.write(source: "table: chat_messages")
      let exit = try await scene.fill([], scene.elsewhere("place"))
      #expect(exit.refuses("other", "text-embedding-3-small"), "\(exit.errors)")
      #expect(try await scene.fillByOther(scene.elsewhere("place")).code == 0)
    }
  }

  /// Runs `body` in a scene of a table `m` with two texts, and with the address of a role that may fill it.
  private static func withRole(
    _ rights: String = "", _ body: (Scene, PostgresDatabase, [String: String?]) async throws -> Void
  ) async throws {
    let database = try await PostgresCluster.shared(.sixteen).freshDatabase()
    let role = "filler_\(database.name)"
    try await database.run(
      """
      CREATE TABLE m (id int PRIMARY KEY, content text, embedding vector(8)); INSERT INTO m VALUES (1, 'a'), (2, 'b');
      CREATE ROLE \(role) LOGIN; GRANT SELECT, UPDATE (embedding) ON m TO \(role)
      """)
    try await Scene.run(.sqlite, .ofTwoModels) { scene in
      try scene.write(source: "table: m")
      try await body(scene, database, ["DATABASE_URL": database.url.replacing("postgres@", with: "\(role)@")])
    }
    try await database.run("DROP OWNED BY \(role); DROP ROLE \(role)")
  }

  @Test func `where the role may not write the record, that is said once, and the ledger refuses`() async throws {
    try await Self.withRole { scene, database, role in
      let exit = try await scene.fill([], role)
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.errors.components(separatedBy: "is known to this ledger alone").count == 2, "\(exit.errors)")
      #expect(exit.errors.contains("public.vecfill_column can't be written (SQLSTATE 42501)"), "\(exit.errors)")
      let requests = scene.server.record.requests.count
      let other = try await scene.fillByOther(role)
      #expect(other.refuses(), "\(other.errors)")
      #expect(try await scene.fill([], role).code == 0)
      #expect(scene.server.record.requests.count == requests)
      // Once somebody may, it is there for everyone.
      #expect(try await scene.fill([], ["DATABASE_URL": database.url]).code == 0)
      let elsewhere = scene.elsewhere("place").merging(["DATABASE_URL": database.url]) { $1 }
      #expect(try await scene.fillByOther(elsewhere).refuses())
    }
  }

  @Test func `a record that says otherwise and can't be changed keeps an emptied column as it is`() async throws {
    try await Self.withRole { scene, database, role in
      #expect(try await scene.fill([], ["DATABASE_URL": database.url]).code == 0)
      try await database.run(
        "GRANT SELECT ON vecfill_column TO filler_\(database.name); UPDATE m SET embedding = NULL")
      let requests = scene.server.record.requests.count
      let exit = try await scene.fillByOther(role)
      #expect(exit.code == 77, "\(exit.errors)")
      #expect(exit.errors.contains("the record can't be changed"))
      #expect(scene.server.record.requests.count == requests)
      #expect(try await scene.fill([], role).code == 0)
    }
  }

  /// What a table `own`, which is as vecfill makes it, is turned into.
  static let impostors = [
    "CREATE TABLE vecfill_column (id int)",
    "CREATE VIEW vecfill_column AS SELECT * FROM own",
    "ALTER TABLE own RENAME TO vecfill_column; ALTER TABLE vecfill_column ADD more text",
    "ALTER TABLE own RENAME TO vecfill_column; ALTER TABLE vecfill_column ADD CHECK (ran())",
    "ALTER TABLE own RENAME TO vecfill_column; CREATE INDEX ON vecfill_column ((ran())) WHERE ran()",
    """
    ALTER TABLE own RENAME TO vecfill_column;
    CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON vecfill_column FOR EACH STATEMENT EXECUTE FUNCTION fired()
    """,
    """
    ALTER TABLE own RENAME TO vecfill_column;
    CREATE RULE r AS ON INSERT TO vecfill_column DO ALSO SELECT ran()
    """,
    """
    ALTER TABLE own RENAME TO vecfill_column; ALTER TABLE vecfill_column ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON vecfill_column USING (ran())
    """,
    "ALTER TABLE own RENAME TO vecfill_column; ALTER TABLE vecfill_column OWNER TO OTHER",
  ]

  @Test func `a table of that name that is not vecfill's own is never trusted, and its code never runs`() async throws {
    let database = try await PostgresCluster.shared(.eighteen).freshDatabase()
    let (owner, other) = ("owner_\(database.name)", "other_\(database.name)")
    try await database.run(
      """
      CREATE ROLE \(owner) LOGIN; CREATE ROLE \(other); GRANT CREATE ON SCHEMA public TO \(owner), \(other);
      CREATE TABLE m (id int PRIMARY KEY, content text, embedding vector(8)); ALTER TABLE m OWNER TO \(owner);
      INSERT INTO m VALUES (1, 'a'); CREATE SEQUENCE public.code; GRANT ALL ON code TO PUBLIC;
      CREATE FUNCTION ran() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN PERFORM nextval('public.code'); RETURN true; END $$;
      CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM nextval('public.code'); RETURN NULL; END $$
      """)
    func place(_ number: Int, _ scene: Scene) -> [String: String?] {
      let url = ["DATABASE_URL": database.url.replacing("postgres@", with: "\(owner)@")]
      return scene.elsewhere("place\(number)").merging(url) { $1 }
    }
    try await Scene.run(.sqlite, .ofTwoModels) { scene in
      try scene.write(source: "table: m")
      #expect(try await scene.fillByOther(place(-1, scene)).code == 0)
      // As it is, it would be trusted.
      try await database.run(
        """
        CREATE TABLE made (LIKE vecfill_column INCLUDING ALL); INSERT INTO made TABLE vecfill_column;
        DROP TABLE vecfill_column; GRANT ALL ON made TO PUBLIC; ALTER TABLE made RENAME TO vecfill_column
        """)
      let refused = try await scene.fill([], place(-2, scene))
      #expect(refused.refuses("other", "text-embedding-3-small"), "\(refused.errors)")
      try await database.run("ALTER TABLE vecfill_column RENAME TO made")
      for (number, script) in Self.impostors.enumerated() {
        try await database.run(
          """
          CREATE TABLE own (LIKE made INCLUDING ALL); INSERT INTO own TABLE made;
          \(script.replacing("OTHER", with: other)); GRANT ALL ON vecfill_column TO PUBLIC;
          UPDATE m SET embedding = NULL; SELECT setval('code', 1, false)
          """)
        let exit = try await scene.fill([], place(number, scene))
        #expect(exit.code == 0, "\(script): \(exit.errors)")
        #expect(exit.errors.contains("public.vecfill_column is not to be trusted"), "\(script): \(exit.errors)")
        #expect(exit.errors.contains("vecfill_column is not vecfill's own, or not its table's owner's"))
        let other = try await scene.fillByOther(place(number, scene))
        #expect(other.refuses(), "\(script): \(other.errors)")
        #expect(try await database.value("SELECT is_called FROM code") == "f", "\(script)")
        let kind = script.contains("CREATE VIEW") ? "VIEW" : "TABLE"
        try await database.run("DROP \(kind) vecfill_column; DROP TABLE IF EXISTS own")
      }
    }
    try await database.run("DROP OWNED BY \(owner), \(other); DROP ROLE \(owner), \(other)")
  }

  static let fileImpostors = [
    "CREATE TABLE vecfill_column (id INTEGER PRIMARY KEY, more)",
    "CREATE VIEW Vecfill_Column AS SELECT 1 AS id",
    "CREATE INDEX vecfill_column ON chat_messages (role)",
    "CREATE VIRTUAL TABLE vecfill_column USING fts5(id, database, table_name)",
    "TABLE; CREATE TRIGGER t BEFORE INSERT ON VECFILL_COLUMN BEGIN INSERT INTO code VALUES (1); END",
    "TABLE; CREATE TRIGGER t AFTER UPDATE ON vecfill_column BEGIN INSERT INTO code VALUES (1); END",
    "TABLE; INSERT INTO vecfill_column VALUES (-72057594037927936, 'x', NAMES, 2, 6, NULL, '')",
    "TABLE; INSERT INTO vecfill_column VALUES (9223372036854775807, 'x', NAMES, 2, 6, NULL, '')",
    "TABLE; INSERT INTO vecfill_column VALUES ('odd', 'x', NAMES, 2, 6, NULL, '')",
    "TABLE; INSERT INTO vecfill_column VALUES (1, x'FF', NAMES, 'two', x'00', NULL, '')",
    "TABLE; INSERT INTO vecfill_column VALUES (1, 'x', NAMES, 2, 6, x'FF', '')",
    "TABLE; INSERT INTO vecfill_column VALUES (1, 'x', NAMES, 2, 6, '{\"model\": 3}', '')",
  ]

  @Test func `the same in a SQLite file`() async throws {
    try await Scene.run(.sqlite, .ofTwoModels) { scene in
      try scene.write(source: "table: chat_messages")
      try await scene.database.insert(["a"])
      try await scene.database.run("CREATE TABLE code (ran int)")
      for script in Self.fileImpostors {
        let table = """
          CREATE TABLE vecfill_column (id, database, table_name, column_name, table_page, column_place, fingerprint,
            recorded_at)
          """
        try await scene.database.run(
          script.replacing("TABLE;", with: table + ";").replacing("NAMES", with: "'chat_messages', 'embedding'"))
        let exit = try await scene.fill()
        #expect(exit.code == 78, "\(script): \(exit.errors)")
        #expect(exit.errors.contains("vecfill_column: "), "\(script): \(exit.errors)")
        #expect(exit.errors.split(separator: "\n").count == 1)
        let kind = ["VIEW", "INDEX"].first { script.contains("CREATE \($0)") } ?? "TABLE"
        try await scene.database.run("DROP \(kind) vecfill_column")
      }
      #expect(try await scene.database.rows("SELECT count(*) FROM code") == [["0"]])
      #expect(scene.server.record.requests.isEmpty)
      #expect(try await scene.fill().code == 0)
    }
  }
}
