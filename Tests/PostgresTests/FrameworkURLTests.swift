import Backfill
import Postgres
import TestSupport
import Testing

/// The addresses that frameworks and hosting companies hand out.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct FrameworkURLTests {
  /// What is asked of a real server, through an address whose database and options are these.
  struct Connected: Sendable, CustomTestStringConvertible {
    let framework: String
    /// With PLACE for host and port, and NAME for the database.
    let url: String
    var query = "SELECT current_schema()"
    var answer = "public"
    var leftOut: [String] = []

    var testDescription: String { "\(framework): \(url)" }
  }

  static let connected = [
    Connected(
      framework: "Prisma", url: "postgresql://postgres@PLACE/NAME?schema=public&pgbouncer=true&connection_limit=1",
      leftOut: ["pgbouncer", "connection_limit"]),
    Connected(
      framework: "Prisma",
      url: "postgresql://postgres@PLACE/NAME?schema=app&pool_timeout=2&socket_timeout=3&statement_cache_size=0"
        + "&max_idle_connection_lifetime=1&sslaccept=accept_invalid_certs&connect_timeout=5",
      answer: "app",
      leftOut: ["pool_timeout", "socket_timeout", "statement_cache_size", "max_idle_connection_lifetime", "sslaccept"]),
    Connected(framework: "Prisma", url: "postgresql://postgres@PLACE/NAME?schema=My%20App", answer: "My App"),
    Connected(
      framework: "Prisma", url: "postgresql://postgres@PLACE/NAME?schema=od%22d%5C%2C%27", answer: "od\"d\\,'"),
    Connected(
      framework: "Rails",
      url: "postgis://postgres@PLACE/NAME?pool=5&reaping_frequency=10&prepared_statements=false&encoding=unicode"
        + "&timeout=5000&schema_search_path=app,public&variables%5Bstatement_timeout%5D=7s",
      query: "SELECT current_schema() || ' ' || current_setting('statement_timeout')", answer: "app 7s",
      leftOut: ["pool", "reaping_frequency", "prepared_statements", "timeout"]),
    Connected(
      framework: "Django", url: "postgres://postgres@PLACE/NAME?conn_max_age=600&ssl_require=False&currentSchema=app",
      answer: "app", leftOut: ["conn_max_age"]),
    Connected(
      framework: "SQLAlchemy", url: "postgresql+psycopg2://postgres@/NAME?host=PLACE&options=-c+search_path%3Dapp",
      answer: "app"),
    Connected(
      framework: "SQLAlchemy", url: "postgresql+asyncpg://postgres@PLACE/NAME?ssl=disable&command_timeout=5&timeout=5",
      leftOut: ["command_timeout", "timeout"]),
    Connected(
      framework: "SQLAlchemy", url: "postgresql+pg8000://postgres@PLACE/NAME?application_name=x",
      query: "SELECT current_setting('application_name')", answer: "vecfill tests"),
    Connected(
      framework: "pgxpool",
      url: "postgres://postgres@PLACE/NAME?sslmode=disable&pool_max_conns=10&pool_min_conns=1"
        + "&default_query_exec_mode=exec&statement_cache_capacity=0&search_path=app&lock_timeout=9s",
      query: "SELECT current_schema() || ' ' || current_setting('lock_timeout')", answer: "app 9s",
      leftOut: ["pool_max_conns", "pool_min_conns", "default_query_exec_mode", "statement_cache_capacity"]),
    Connected(
      framework: "golang-migrate", url: "postgres://postgres@PLACE/NAME?sslmode=disable&x-migrations-table=m",
      leftOut: ["x-migrations-table"]),
    Connected(
      framework: "pgx", url: "host=127.0.0.1 port=PORT user=postgres dbname=NAME pool_max_conns=4 search_path=app",
      answer: "app", leftOut: ["pool_max_conns"]),
    Connected(
      framework: "node-postgres",
      url: "postgres://postgres@PLACE/NAME?ssl=0&uselibpqcompat=true&max=20&idleTimeoutMillis=30000"
        + "&connectionTimeoutMillis=2500&keepAlive=true",
      leftOut: ["uselibpqcompat", "max", "idleTimeoutMillis", "keepAlive"]),
    Connected(
      framework: "JDBC",
      url: "jdbc:postgresql://PLACE/NAME?user=postgres&password=p&ssl=false&currentSchema=app,public&ApplicationName=x"
        + "&reWriteBatchedInserts=true&stringtype=unspecified&targetServerType=primary&loadBalanceHosts=false"
        + "&loginTimeout=5",
      answer: "app", leftOut: ["reWriteBatchedInserts", "stringtype", "loadBalanceHosts"]),
    Connected(
      framework: "JDBC", url: "jdbc:postgresql://127.0.0.1:1,PLACE/NAME?user=postgres&targetServerType=any"),
    Connected(framework: "R2DBC", url: "r2dbc:pool:postgresql://postgres@PLACE/NAME?schema=app", answer: "app"),
    Connected(
      framework: "sqlx", url: "postgres://postgres@PLACE/NAME?options%5Bsearch_path%5D=app&statement-cache-capacity=9",
      answer: "app", leftOut: ["statement-cache-capacity"]),
    Connected(framework: "Supabase", url: "postgres://postgres@PLACE/NAME?supa=base-pooler.x", leftOut: ["supa"]),
    Connected(framework: "Ecto", url: "ecto://postgres@PLACE/NAME?ssl=false&pool_size=10", leftOut: ["pool_size"]),
    Connected(
      framework: "options of one's own",
      url: "postgresql://postgres@PLACE/NAME?schema=app&options=-c%20work_mem%3D5MB%20-c%20search_path%3Dpublic",
      query: "SELECT current_schema() || ' ' || current_setting('work_mem')", answer: "app 5MB"),
  ]

  @Test(arguments: connected, [PostgresCluster.Major.eighteen])
  func `it connects, with its schema and its parameters`(_ given: Connected, _ major: PostgresCluster.Major)
    async throws
  {
    let database = try await PostgresCluster.shared(major).freshDatabase(pgvector: false)
    for schema in ["app", "My App", "od\"d\\,'"] {
      try await database.run("CREATE SCHEMA \"\(schema.replacing("\"", with: "\"\""))\"")
    }
    let text = given.url.replacing("PLACE", with: "127.0.0.1:\(database.port)")
      .replacing("PORT", with: "\(database.port)").replacing("NAME", with: database.name)
    let url = try DatabaseURL(text)
    #expect(url.warnings.count == (given.leftOut.isEmpty ? 0 : 1))
    for name in given.leftOut { #expect(url.warnings.first?.contains(name) == true, "\(name): \(url.warnings)") }
    // A dead first host is another part's business.
    guard !text.contains("127.0.0.1:1,") else { return }
    let connection = try await PostgresConnection.connect(to: url, applicationName: "vecfill tests")
    #expect(try await connection.query(given.query)[0][0] == given.answer)
    await connection.close()
  }

  @Test(arguments: [
    (
      "postgresql://u@h/d?sslmode=require&channel_binding=require",
      "channel_binding='require' dbname='d' host='h' sslmode='require' user='u'"
    ),
    ("postgresql://u@h/d?options=endpoint%3Dep-x", "dbname='d' host='h' options='endpoint=ep-x' user='u'"),
    ("postgresql://u@h/d?options=endpoint=ep-x", "dbname='d' host='h' options='endpoint=ep-x' user='u'"),
    ("postgresql://u@h/d?options=--cluster%3Dc-1", "dbname='d' host='h' options='--cluster=c-1' user='u'"),
    ("postgres://u@h/d?ssl=true", "dbname='d' host='h' sslmode='require' user='u'"),
    ("postgres://u@h/d?ssl_require=True", "dbname='d' host='h' sslmode='require' user='u'"),
    ("postgres://u@h/d?ssl=true&sslmode=verify-full", "dbname='d' host='h' sslmode='verify-full' user='u'"),
    ("jdbc:postgresql://h/d?user=u&ssl", "dbname='d' host='h' sslmode='require' user='u'"),
    ("jdbc:postgresql:d?user=u", "dbname='d' host='localhost' user='u'"),
    (
      "jdbc:postgresql://a,b:2/d?user=u&targetServerType=preferSecondary",
      "dbname='d' host='a,b' port=',2' target_session_attrs='prefer-standby' user='u'"
    ),
    ("postgresql+psycopg2://u@/d?host=a:1&host=b:2", "dbname='d' host='a,b' port='1,2' user='u'"),
    ("postgres://u@h/d?connectionTimeoutMillis=2500", "connect_timeout='3' dbname='d' host='h' user='u'"),
    (
      "postgresql://u:p%27%5C@h/d?sslrootcert=/etc/rds.pem&sslmode=verify-ca",
      "dbname='d' host='h' password='p\\'\\\\' sslmode='verify-ca' sslrootcert='/etc/rds.pem' user='u'"
    ),
    ("postgres://u@[fe80::1%25eth0]:7/d", "dbname='d' host='fe80::1%eth0' port='7' user='u'"),
    ("postgresql://%2Fvar%2Frun/d?user=u", "dbname='d' host='/var/run' user='u'"),
    ("postgresql://u:%27%CC%81%20host=x@h/d", "dbname='d' host='h' password='\\'\u{301} host=x' user='u'"),
    ("postgresql:///d?host=/tmp&port=7", "dbname='d' host='/tmp' port='7'"),
    ("postgresql://", ""), ("postgresql://u@h/d?sslmode=", "dbname='d' host='h' user='u'"),
  ])
  func `options become libpq's`(_ text: String, _ conninfo: String) throws {
    #expect(try DatabaseURL(text).engine == .postgres(conninfo: conninfo))
  }

  @Test(arguments: [
    ("postgres://u:p@h/d?sslmode=no-verify", "use sslmode=require"),
    ("postgres://u:p@h/d?ssl=no-verify", "use sslmode=require"),
    ("postgres://u:p@h/d?ssl=%7B%22rejectUnauthorized%22%3Afalse%7D", "use sslmode=require"),
    ("postgresql://u:p@h/d?sslaccept=strict", "sslmode=verify-full&sslrootcert=FILE"),
    ("postgresql://u:p@h/d?sslidentity=client.p12&sslpassword=p", "openssl pkcs12"),
    ("postgresql://u:p@h/d?sslnegotiation=direct", "leave it out"),
    ("Host=h;Port=5432;Database=d;Username=u;Password=p", "write it without semicolons"),
    ("Server=h;User Id=u;Password=p;SSL Mode=Require;Trust Server Certificate=true", "write it without semicolons"),
    ("Driver={PostgreSQL Unicode};Server=h;Uid=u;Pwd=p;", "write it without semicolons"),
    ("prisma://accelerate.prisma-data.net/?api_key=s3cret", "use the database's own"),
    ("prisma+postgres://accelerate.prisma-data.net/?api_key=s3cret", "use the database's own"),
    ("libsql://x.turso.io?authToken=s3cret", "sqlite:///FILE"), ("postgres:u:p@h/d", "use postgresql://USER"),
    ("'postgresql://u:p@h/d'", "leave the quotation marks out"),
    ("postgresql://h:1:2/d", "percent-encode"),
    ("postgresql://a,b/d?port=1,2,3", "one for each host"), ("postgresql://h:99999/d", "give the server's port"),
    ("postgresql://u@h/d#x", "write it as %23"), ("postgresql://u@h/a%0Ab", "leave it out"),
  ])
  func `what can't be understood is answered with what to write`(_ text: String, _ remedy: String) {
    let failure = #expect(throws: Failure.self) { try DatabaseURL(text) }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.remedy?.contains(remedy) == true, "\(failure?.description ?? "")")
    #expect(failure?.description.contains("s3cret") == false)
  }

  @Test(.enabled(if: Helper.pgbouncer.isUsable, "\(Helper.pgbouncer.missing)"))
  func `Prisma's address of a PgBouncer connects through it`() async throws {
    let database = try await PostgresCluster.shared(.sixteen).freshDatabase(pgvector: false)
    let pooler = try await PgBouncer(before: database, mode: .transaction)
    let url = try DatabaseURL(pooler.url + "?schema=public&pgbouncer=true&connection_limit=1")
    let connection = try await PostgresConnection.connect(to: url, applicationName: "vecfill tests")
    #expect(try await connection.isPooled())
    #expect(try await connection.query("SELECT current_schema()")[0][0] == "public")
  }
}
