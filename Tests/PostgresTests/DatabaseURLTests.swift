import Backfill
import Foundation
import Postgres
import Testing

@Suite struct DatabaseURLTests {
  @Test(arguments: [
    ("postgresql://u:secret@db.example:5433/verse", "postgresql://db.example:5433/verse"),
    ("postgres://u:secret@db.example/verse", "postgresql://db.example:5432/verse"),
    ("postgresql+psycopg2://u:secret@db/verse?sslmode=require", "postgresql://db:5432/verse"),
    (
      "postgresql+asyncpg://u:s%40cret@db/verse?ssl=require&prepared_statement_cache_size=0",
      "postgresql://db:5432/verse"
    ),
    ("PostgreSQL://u:secret@[::1]:5432/verse", "postgresql://::1:5432/verse"),
    ("host=db port=6432 dbname=verse user=u password='se cret'", "postgresql://db:6432/verse"),
    ("postgresql://u:secret@one,two:5433/verse", "postgresql://one:5432,two:5433/verse"),
    ("postgresql://u:secret@/verse?host=/var/run/postgresql", "postgresql:///var/run/postgresql:5432/verse"),
    ("  postgresql://u:secret@db/verse\n", "postgresql://db:5432/verse"),
    ("postgresql://u:secret@db", "postgresql://db:5432/u"),
    ("service=verse password=secret", "postgresql:///?service=verse"),
  ])
  func `a PostgreSQL URL has an identity without user, password and options`(
    _ text: String, _ identity: String
  ) throws {
    let url = try DatabaseURL(text)
    #expect(url.identity == identity)
    for shown in [url.redacted, "\(url)", "\(String(reflecting: url))", "\(String(describing: [url]))"] {
      #expect(!shown.contains("cret"), "\(shown)")
    }
    var dumped = ""
    dump(url, to: &dumped)
    #expect(!dumped.contains("cret"))
  }

  @Test func `asyncpg's options become libpq's`() throws {
    let url = try DatabaseURL("postgresql+asyncpg://db/verse?ssl=verify-full&command_timeout=5&connect_timeout=3")
    #expect(
      url.engine == .postgres(conninfo: "connect_timeout='3' dbname='verse' host='db' sslmode='verify-full'"))
    let plain = try DatabaseURL("postgresql+asyncpg://db/verse?timeout=5")
    #expect(plain.engine == .postgres(conninfo: "dbname='verse' host='db'"))
  }

  @Test(arguments: [
    ("sqlite:///verse.db", "verse.db"), ("sqlite:////var/lib/verse.db", "/var/lib/verse.db"),
    ("sqlite+aiosqlite:///./data/verse.db?timeout=5", "./data/verse.db"), ("sqlite+pysqlite:////a b.db", "/a b.db"),
    ("sqlite:///my%20chat%3F.db?mode=rw&cache=shared", "my chat?.db"), ("sqlite3:db/dev.sqlite3", "db/dev.sqlite3"),
    ("sqlite3:/var/dev.sqlite3?pool=5", "/var/dev.sqlite3"), ("sqlite3:///var/dev.sqlite3", "/var/dev.sqlite3"),
    ("jdbc:sqlite:chat.db", "chat.db"), ("file:///var/chat.db", "/var/chat.db"), ("file:/var/chat.db", "/var/chat.db"),
    ("sqlite:chat.db?_journal_mode=WAL&_busy_timeout=5000", "chat.db"), ("SQLite:///verse.db", "verse.db"),
  ])
  func `a SQLite URL names a file`(_ text: String, _ path: String) throws {
    #expect(try DatabaseURL(text).engine == .sqlite(path: path))
  }

  @Test(arguments: [
    ("sqlite:///verse.db?mode=ro", "leave it out: vecfill writes vectors"),
    ("sqlite:///verse.db?immutable=1", "leave it out: vecfill writes vectors"),
    ("sqlite:///verse.db?mode=memory", "leave it out: vecfill writes vectors"),
    ("sqlite:///a%0Ab.db", "its path holds a control character"), ("sqlite:///%1B[2J", "holds a control character"),
    ("sqlite:///verse.db?cipher=aes", "vecfill doesn't know its option cipher"),
    ("file:./dev.db", "sqlite:///prisma/dev.db"), ("file:dev.db?connection_limit=1", "sqlite:///prisma/dev.db"),
    ("sqlite:///qu?est.db", "a ? of the file's name is %3F"),
    ("postgresql://u@h/post%zz", "its database's name has a %"),
    ("sqlite:///100%.db", "write a % as %25"), ("sqlite://", "use sqlite:///relative.db"),
    ("sqlite+pysqlcipher://:secret@/verse.db", "use sqlite:///relative.db"), ("sqlite:///a/", "use sqlite:///relative"),
  ])
  func `a SQLite URL that can't be used is answered with what to write`(_ text: String, _ told: String) {
    let failure = #expect(throws: Failure.self) { try DatabaseURL(text) }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.description.contains(told) == true, "\(failure?.description ?? "")")
    #expect(failure?.description.contains("cret") == false)
  }

  @Test func `what steers another driver is left out with one warning`() throws {
    #expect(try DatabaseURL("sqlite:///verse.db?mode=rwc").warnings == [])
    #expect(
      try DatabaseURL("sqlite:///verse.db?cache=shared").warnings
        == ["DATABASE_URL: cache steers another driver only, and is left out here"])
    #expect(
      try DatabaseURL("postgres://h/d?pool=5&max=7&pgbouncer=true").warnings
        == ["DATABASE_URL: pool, max and pgbouncer steer another driver only, and are left out here"])
  }

  @Test func `a relative path and its absolute one are the same database`() throws {
    let folder = FileManager.default.currentDirectoryPath
    #expect(try DatabaseURL("sqlite:///x/../verse.db").identity == DatabaseURL("sqlite:///\(folder)/verse.db").identity)
    #expect(try DatabaseURL("sqlite:////tmp/verse.db").identity == "sqlite:///tmp/verse.db")
  }

  @Test(arguments: [
    "", "verse", "mysql://u:secret@db/verse", "sqlite://verse.db", "sqlite://", "sqlite:///:memory:",
    "sqlite:///file:x.db?uri=true", "postgresql://u:se@cret@db/verse", "postgresql://u:%zzsecret@db/verse",
    "postgresql://db/verse?password_secret=1", "host=db password=a secret", "postgresql://db:port/verse?sslmod=secret",
  ])
  func `what is no database URL is refused, and no secret is told`(_ text: String) {
    let failure = #expect(throws: Failure.self) { try DatabaseURL(text) }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.subject == "DATABASE_URL")
    #expect(failure?.remedy != nil)
    // Of a URL's options, the name is told and never the value.
    #expect(failure?.description.replacing("password_secret", with: "").contains("cret") == false)
  }
}
