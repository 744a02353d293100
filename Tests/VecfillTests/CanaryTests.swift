import Foundation
import TestSupport
import Testing

/// Nothing that is written tells a key, a password or a row's text, whatever goes wrong (P10).
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct CanaryTests {
  /// A function that puts a row's text wherever an error has room, and a trigger that calls it with each row's SQLSTATE.
  static let triggers = """
    CREATE TABLE m (id bigint PRIMARY KEY, content text, state text, embedding vector(8));
    CREATE FUNCTION raise(content text, state text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
      RAISE WARNING 'no longer fits: %', content;
      IF state = 'cast' THEN RETURN content::int > 0; END IF;
      IF state = 'exec' THEN EXECUTE 'SELECT ' || quote_ident(content); END IF;
      IF state = 'pars' THEN EXECUTE content; END IF;
      IF state = 'name' THEN RETURN content::regclass IS NULL; END IF;
      IF state = 'json' THEN RETURN content::json IS NULL; END IF;
      IF state <> 'none' THEN
        RAISE EXCEPTION USING ERRCODE = state, MESSAGE = content, DETAIL = content, HINT = content, COLUMN = content,
          CONSTRAINT = content, DATATYPE = content, TABLE = content, SCHEMA = content;
      END IF;
      RETURN true;
    END $$;
    CREATE FUNCTION hook() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      PERFORM raise(NEW.content, NEW.state); RETURN NEW;
    END $$;
    """

  static let states = [
    "08006", "0A000", "22023", "22P02", "23505", "23514", "25006", "26000", "28P01", "3D000", "40001", "40P01", "42501",
    "42601", "42P01", "53300", "54000", "55000", "55P03", "57014", "57P01", "58030", "XX000", "P0001", "45000", "cast",
    "exec", "pars", "name", "json",
  ]

  /// Conditions that fail at a row, with its text in PostgreSQL's own message.
  static let conditions = [
    "raise(content, '42P01')", "raise(content, 'pars')", "content::regclass IS NOT NULL",

    "content::int > 0", "to_tsquery(content) IS NOT NULL",
    "repeat(content, 60)::tsquery IS NOT NULL", "content::jsonpath IS NOT NULL", "current_setting(content) = ''",
    "set_config(content, '1', true) = ''", "has_table_privilege(content, 'm', 'SELECT')", "pg_read_file(content) = ''",
    "pg_database_size(content::name) > 0",
    "txid_status(content::xid8::text::bigint) = ''",
  ]

  /// Runs commands in turn and holds what they said against the canaries.
  static func expectSilence(
    _ scene: Scene, _ commands: [[String]], _ place: [String: String?] = [:], codes: Set<Int32>? = nil
  ) async throws {
    for command in commands {
      let exit = try await scene.start(command, place).exit()
      #expect(exit.signal == nil, "\(command)")
      if let codes { #expect(codes.contains(exit.code ?? -1), "\(command): \(exit.code ?? -1) \(exit.errors)") }
      for said in [exit.output, exit.errors] {
        if let found = Canary.all.found(in: said) { Issue.record("\(command.joined(separator: " ")): \(found)") }
      }
    }
  }

  static let reports = [
    ["status"], ["status", "--json"], ["cost"], ["cost", "--json"], ["quarantine", "list"],
    ["quarantine", "list", "--json"], ["config", "job.yaml"], ["config", "job.yaml", "--json"],
  ]

  @Test func `a database that quotes a row in every field and under any SQLSTATE tells nothing of it`() async throws {
    let database = try await PostgresCluster.shared(.eighteen).freshDatabase()
    let states = (Self.states + ["none"]).joined(separator: ",")
    try await database.run(
      """
      \(Self.triggers)
      INSERT INTO m SELECT n, '\(Canary.mark) ' || n, s FROM unnest('{\(states)}'::text[]) WITH ORDINALITY AS u (s, n)
      """)
    try await database.run(
      """
      CREATE TRIGGER guard BEFORE UPDATE ON m FOR EACH ROW EXECUTE FUNCTION hook();
      CREATE TABLE c (id bigint PRIMARY KEY, content text, embedding vector(8));
      INSERT INTO c SELECT n, '\(Canary.mark) ' || n FROM generate_series(1, 3) AS n;
      ALTER TABLE c ADD CONSTRAINT short CHECK (length(content) < 9) NOT VALID;
      CREATE TABLE k (id bigint PRIMARY KEY, content text, embedding vector(8));
      INSERT INTO k SELECT n, '\(Canary.mark)' FROM generate_series(1, 3) AS n;
      """)
    let url = database.url.replacing("postgres@", with: "postgres:\(Self.encodedPassword)@")
    try await OddDatabaseTests.scene(url) { scene, place in
      let spec = try String(contentsOfFile: scene.folder.file("job.yaml"), encoding: .utf8)
      try scene.write(spec: spec.replacing("  - table: m\n", with: "  - table: m\n  - table: c\n"))
      let fill = try await scene.fill(["--log-format", "json"], place)
      #expect(fill.code == 83, "\(fill.errors)")
      #expect(fill.output.contains("\"rows_quarantined\":\(Self.states.count + 3)"), "\(fill.output)")
      try await Self.expectSilence(scene, [["quarantine", "retry"], ["run", "job.yaml"]] + Self.reports, place)
      for (number, condition) in Self.conditions.enumerated() {
        let requests = scene.server.record.requests.count
        try scene.write(spec: spec.replacing("  - table: m\n", with: "  - table: m\n    where: \"\(condition)\"\n"))
        try await Self.expectSilence(
          scene,
          [
            number % 2 == 0
              ? ["run", "job.yaml", "--log-format", "json", "--max-outage", "1"] : ["estimate", "job.yaml", "--json"]
          ],
          place, codes: [65, 69, 77, 78, 83])
        #expect(scene.server.record.requests.count == requests, "\(condition)")
      }
      try scene.write(spec: spec)
      try await Self.migrate(scene, place)
      try await Self.expectSilence(
        scene,
        [["quarantine", "drop", "m"], ["ledger", "forget", "m.embedding"], ["ledger", "forget", "m.embedding"]],
        place)
      Self.expectNothing(in: scene)
      let records = try await database.run(
        "SELECT string_agg(r::text, ' ') FROM (SELECT to_jsonb(v) FROM vecfill_column v) r")
      #expect(Canary.all.found(in: records.description) == nil, "\(records)")
    }
  }

  /// Migrations that fail at a row, and each command about them.
  private static func migrate(_ scene: Scene, _ place: [String: String?]) async throws {
    try await expectSilence(
      scene,
      ["plan", "sql", "up", "verify", "status", "history", "restore"].map {
        ["migrate", $0] + ($0 == "restore" ? [] : ["job.yaml"])
      },
      place)
    let failing = [
      "ALTER TABLE k ADD UNIQUE (content)", "ALTER TABLE k ALTER content TYPE int USING content::int",
      "UPDATE m SET state = state", "CREATE INDEX ON k ((content::regclass::text))",
      "DO $$ BEGIN PERFORM raise(content, '2BP01') FROM k; END $$",
      "CREATE INDEX CONCURRENTLY ON k (raise(content, '53100'))",
    ]
    for (number, statement) in failing.enumerated() {
      let folder = scene.folder.file("migrations\(number)")
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for (name, sql) in [("up", statement), ("down", "SELECT 1")] {
        try Data("\(sql);\n".utf8).write(to: URL(fileURLWithPath: "\(folder)/0001_odd.\(name).sql"))
      }
      try await expectSilence(
        scene,
        ["plan", "up", "verify", "down"].map { ["migrate", $0, "--migrations", folder] }
          + (number == 0 ? [["migrate", "stamp", "1", "--migrations", folder]] : []), place)
    }
  }

  static func expectNothing(in scene: Scene, but known: Set<String> = []) {
    let written = Canary.all.files(in: scene.folder.path, but: known.union(["chat.db"]))
    #expect(written == [])
    #expect(FileManager.default.fileExists(atPath: scene.ledgerPath))
  }

  static let encodedPassword =
    Canary.password.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
}
