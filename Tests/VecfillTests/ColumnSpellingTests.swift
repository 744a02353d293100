import Foundation
import TestSupport
import Testing

/// However the address of a database and the names of a job are spelled: one column has one ledger entry, one lock, one
/// fingerprint and one budget (P4, P5).
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct ColumnSpellingTests {
  struct Spelling {
    let name: String
    var environment: [String: String?] = [:]
    let source: String

    init(_ name: String, _ source: String, _ environment: [String: String?] = [:], url: String? = nil) {
      self.name = name
      self.source = source
      self.environment = environment
      if let url { self.environment["DATABASE_URL"] = url }
    }
  }

  static let texts = (1...4).map { "message \($0) " + String(repeating: "x ", count: 100) }
  static let price = 5.0

  @Test func `23 spellings of a PostgreSQL column are one`() async throws {
    let database = try await PostgresCluster.shared(.sixteen).freshDatabase()
    try await database.run(
      """
      CREATE SCHEMA app; CREATE TABLE app.m (id int PRIMARY KEY, content text, embedding vector(8));
      CREATE ROLE owner_\(database.name); ALTER TABLE app.m OWNER TO owner_\(database.name);
      ALTER SCHEMA app OWNER TO owner_\(database.name);
      CREATE ROLE second_\(database.name) LOGIN IN ROLE owner_\(database.name);
      ALTER ROLE second_\(database.name) SET search_path = app
      """)
    let session = try await PgBouncer(before: database, mode: .session)
    let transaction = try await PgBouncer(before: database, mode: .transaction)
    let sockets = try #require(try await database.value("SHOW unix_socket_directories"))
    try await Scene.run(.sqlite) { scene in
      let services = scene.folder.file("services")
      try Data(
        "[verse]\nhost=127.0.0.1\nport=\(database.port)\ndbname=\(database.name)\nuser=postgres\n".utf8
      ).write(to: URL(fileURLWithPath: services))
      let spellings = Self.postgres(
        database, session.url, transaction.url, sockets: sockets, services: services)
      #expect(spellings.count == 23)
      try await Self.expectOne(scene, spellings) { text in
        try await database.run(
          "INSERT INTO app.m SELECT count(*) + 1, '\(text)' FROM app.m")
      }
      #expect(try await database.value("SELECT count(*) FROM app.vecfill_column") == "1")
    }
    try await database.run("DROP OWNED BY owner_\(database.name) CASCADE")
  }

  private static func postgres(
    _ database: PostgresDatabase, _ session: String, _ transaction: String, sockets: String, services: String
  ) -> [Spelling] {
    let (port, name) = (database.port, database.name)
    let encoded = sockets.replacing("/", with: "%2F")
    let variables = ["PGHOST": "127.0.0.1", "PGPORT": "\(port)", "PGUSER": "postgres", "PGDATABASE": name]
    func url(_ host: String, _ rest: String = "", user: String = "postgres") -> String {
      "postgresql://\(user)@\(host)/\(name)\(rest)"
    }
    return [
      Spelling("an address", "table: app.m", url: url("127.0.0.1:\(port)")),
      Spelling("a host's name", "table: app.m", url: url("localhost:\(port)")),
      Spelling("its name in capitals", "table: app.m", url: url("LOCALHOST:\(port)")),
      Spelling("a short address", "table: app.m", url: url("127.1:\(port)")),
      Spelling("hostaddr", "table: app.m", url: url("db.example.org:\(port)", "?hostaddr=127.0.0.1")),
      Spelling("several hosts", "table: app.m", url: url("127.0.0.1:1,127.0.0.1:\(port)")),
      Spelling("a socket", "table: app.m", url: "postgresql:///\(name)?host=\(sockets)&port=\(port)&user=postgres"),
      Spelling("an encoded socket", "table: app.m", url: url("\(encoded):\(port)")),
      Spelling("the port left out", "table: app.m", ["PGPORT": "\(port)"], url: url("127.0.0.1")),
      Spelling("another scheme", "table: app.m", url: "postgres+asyncpg://postgres@127.0.0.1:\(port)/\(name)"),
      Spelling("JDBC", "table: app.m", url: "jdbc:postgresql://127.0.0.1:\(port)/\(name)?user=postgres"),
      Spelling(
        "keywords", "table: app.m", url: "host=127.0.0.1 port = '\(port)' user=postgres dbname='\(name)'"),
      Spelling(
        "a service", "table: app.m", ["PGSERVICEFILE": services], url: "postgresql:///?service=verse"),
      Spelling("variables alone", "table: app.m", variables, url: "postgresql://"),
      Spelling("a pooler of sessions", "table: app.m", url: session),
      Spelling("a pooler of transactions", "table: app.m", url: transaction),
      Spelling(
        "a search path", "table: m", url: url("127.0.0.1:\(port)", "?options=-c%20search_path%3Dother,app")),
      Spelling("Prisma's schema", "table: m", url: url("127.0.0.1:\(port)", "?schema=app")),
      Spelling("another role and its search path", "table: m", url: url("127.0.0.1:\(port)", user: "second_\(name)")),
      Spelling("the schema apart", "table: m\n    schema: app", url: url("127.0.0.1:\(port)")),
      Spelling(
        "all defaults named", "table: app.m\n    key: [id]\n    text: content\n    vector: embedding",
        url: url("127.0.0.1:\(port)")),
      Spelling("a condition", "table: app.m\n    where: id > 0", url: url("127.0.0.1:\(port)")),
      Spelling("an encoded name", "table: app.m", url: url("127.0.0.1:\(port)").replacing("test_", with: "%74est_")),
    ]
  }

  @Test func `20 spellings of a SQLite column are one`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.run(
        #"CREATE TABLE "Odd m" ("Id" INTEGER PRIMARY KEY, "Content" TEXT, "Embedding" VECTOR(8))"#)
      let files = FileManager.default
      for folder in ["other", "sub"] {
        try files.createDirectory(atPath: scene.folder.file(folder), withIntermediateDirectories: false)
      }
      let (path, other) = (scene.folder.file("chat.db"), scene.folder.file("other"))
      try files.createSymbolicLink(atPath: "\(other)/symbolic.db", withDestinationPath: "../chat.db")
      try files.createSymbolicLink(atPath: "\(other)/folder", withDestinationPath: scene.folder.path)
      try files.linkItem(atPath: path, toPath: "\(other)/hard.db")
      let names = "table: Odd m\n    key: Id\n    text: Content\n    vector: Embedding"
      let spellings = [
        Spelling("an absolute path", names, url: "sqlite:///\(path)"),
        Spelling("a relative path", names, url: "sqlite:///chat.db"),
        Spelling("a dot", names, url: "sqlite:///./chat.db"),
        Spelling("two dots", names, url: "sqlite:///sub/../chat.db"),
        Spelling("slashes", names, url: "sqlite:////\(path)"),
        Spelling("a symbolic link", names, url: "sqlite:///other/symbolic.db"),
        Spelling("a symbolic link to the folder", names, url: "sqlite:///other/folder/chat.db"),
        Spelling("a hard link", names, url: "sqlite:///\(other)/hard.db"),
        Spelling("a path of the kernel's", names, url: "sqlite:////proc/self/cwd/chat.db"),
        Spelling("another scheme", names, url: "sqlite+aiosqlite:///chat.db"),
        Spelling("JDBC", names, url: "jdbc:sqlite:chat.db"),
        Spelling("file", names, url: "file:\(path)"),
        Spelling("an encoded path", names, url: "sqlite:///%63hat.db"),
        Spelling("the table in lower case", names.replacing("Odd m", with: "odd m")),
        Spelling("main", names.replacing("Odd m", with: "main.ODD M")),
        Spelling("the schema apart", names.replacing("Odd m", with: "Odd M\n    schema: main")),
        Spelling("columns in another case", names.lowercased()),
        Spelling("the default key", names.replacing("    key: Id\n", with: "")),
        Spelling("the row's number", names.replacing("key: Id", with: "key: _ROWID_")),
        Spelling("a condition", "\(names)\n    where: id > 0"),
      ]
      #expect(spellings.count == 20)
      try await Self.expectOne(scene, spellings) { text in
        try await scene.database.run(#"INSERT INTO "Odd m" ("Content") VALUES ('\#(text)')"#)
      }
      #expect(try await scene.database.rows("SELECT count(*) FROM vecfill_column") == [["1"]])
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres18, .sqlite])
  func `a job that names one column twice is refused`(engine: ChatDatabase.Engine) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert(["a"])
      let other = engine == .sqlite ? "main.CHAT_messages\n    vector: Embedding" : "public.chat_messages"
      try scene.write(source: "table: chat_messages\n  - table: \(other)")
      for _ in 0..<2 {
        let exit = try await scene.fill()
        #expect(exit.code == 78, "\(exit.errors)")
        #expect(exit.errors.contains("twice, also as chat_messages"), "\(exit.errors)")
      }
      #expect(scene.server.record.requests.isEmpty)
    }
  }

  /// Fills by the first spelling, and then expects of each that it is of the same column.
  private static func expectOne(
    _ scene: Scene, _ spellings: [Spelling], insert: (String) async throws -> Void
  ) async throws {
    try scene.writeCatalogue(usdPerMillionTokens: price)
    let models = ["--models", "models.yaml"]
    func fill(_ spelling: Spelling, _ arguments: [String], _ more: [String: String?] = [:]) async throws
      -> VecfillProcess.Exit
    {
      try write(spelling, to: scene)
      return try await scene.fill(models + arguments, spelling.environment.merging(more) { $1 })
    }
    for text in texts.dropLast() { try await insert(text) }
    let first = try await fill(spellings[0], [])
    #expect(first.code == 0, "\(first.errors)")
    try await insert(texts[3])
    let spent = Double(scene.server.record.billedTokens) * price / 1_000_000
    let requests = scene.server.record.requests.count

    for spelling in spellings {
      // What is spent counts on: for one more text nothing is left.
      let budget = try await fill(spelling, ["--budget", "\(Decimal(spent))"])
      #expect(budget.code == 82, "\(spelling.name): \(budget.errors)")
      let other = try await fill(spelling, ["--model", "other", "--dimensions", "8"])
      #expect(other.code == 78, "\(spelling.name): \(other.errors)")
      for model in ["text-embedding-3-small", "other"] {
        #expect(other.errors.contains("[model=\(model)]"), "\(spelling.name): \(other.errors)")
      }
    }
    #expect(scene.server.record.requests.count == requests)

    let gate = EmbeddingsServer.Gate()
    scene.server.add(.always(.hold(gate, then: .answer)))
    try write(spellings[1], to: scene)
    let process = try scene.start(["run", "job.yaml"] + models, spellings[1].environment)
    try await scene.server.wait { $0.inFlight == 1 }
    let elsewhere = ["XDG_STATE_HOME": scene.folder.file("elsewhere"), "VECFILL_LEDGER": scene.folder.file("e/l.db")]
    for spelling in spellings {
      for place in [[:], elsewhere] {
        let exit = try await fill(spelling, [], place)
        #expect(exit.code == 80, "\(spelling.name): \(exit.errors)")
      }
    }
    #expect(scene.server.record.requests.count == requests + 1)
    gate.open()
    let last = await process.exit()
    #expect(last.code == 0, "\(last.errors)")
  }

  private static func write(_ spelling: Spelling, to scene: Scene) throws {
    let tables = "  - table: chat_messages\n  - table: standalone_chat_messages\n"
    try scene.write(spec: scene.spec.replacing(tables, with: "  - \(spelling.source)\n"))
  }
}
