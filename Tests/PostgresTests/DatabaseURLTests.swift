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
    #expect(url.engine == .postgres(conninfo: "postgresql://db/verse?sslmode=verify-full&connect_timeout=3"))
    let plain = try DatabaseURL("postgresql+asyncpg://db/verse?timeout=5")
    #expect(plain.engine == .postgres(conninfo: "postgresql://db/verse"))
  }

  @Test(arguments: [
    ("sqlite:///verse.db", "verse.db"), ("sqlite:////var/lib/verse.db", "/var/lib/verse.db"),
    ("sqlite+aiosqlite:///./data/verse.db?timeout=5", "./data/verse.db"), ("sqlite+pysqlite:////a b.db", "/a b.db"),
  ])
  func `a SQLite URL names a file`(_ text: String, _ path: String) throws {
    #expect(try DatabaseURL(text).engine == .sqlite(path: path))
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
