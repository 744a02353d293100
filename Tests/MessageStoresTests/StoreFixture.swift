import Backfill
import Foundation
import MessageStores
import PgVector
import Postgres
import TestSupport
import Testing

/// The databases that each contract test runs on.
enum StoreKind: String, CaseIterable, CustomTestStringConvertible {
  case postgres16, postgres18, sqliteVector, sqliteBlob

  /// Those that are here: without PostgreSQL the contract is tested on SQLite alone.
  static var allCases: [StoreKind] {
    (Helper.postgres.isUsable ? [.postgres16, .postgres18] : []) + [.sqliteVector, .sqliteBlob]
  }

  var testDescription: String { rawValue }

  var isPostgres: Bool { self == .postgres16 || self == .postgres18 }

  static var postgres: [StoreKind] { allCases.filter(\.isPostgres) }
  static var sqlite: [StoreKind] { allCases.filter { !$0.isPostgres } }

  /// Those that keep the port's promises for odd rows and keys.
  static let ofOddRows = allCases
}

/// A fresh database with one table of messages, seen past the store under test.
struct StoreFixture {
  private enum Database {
    case postgres(PostgresDatabase)
    case sqlite(SQLiteFile)
  }

  static let dimensions = 3

  let kind: StoreKind
  let source: Source
  /// The key's columns, which `init(bare:)` knows nothing of.
  private var keyKinds: [RowKey.Kind] = []
  private let database: Database

  /// Makes the database, with pgvector, and the table `source`, whose key is of `key`.
  init(
    _ kind: StoreKind, key: RowKey.Kind = .integer, source: Source = Source(table: "messages", text: "content"),
    column: String? = nil
  ) async throws {
    try await self.init(bare: kind, source: source)
    let types: [RowKey.Kind: String] = [
      .integer: kind.isPostgres ? "bigint" : "INTEGER", .uuid: "uuid", .text: "text",
      .bytes: kind.isPostgres ? "bytea" : "BLOB",
    ]
    keyKinds = if case .composite(let parts) = key { parts } else { [key] }
    let columns = zip(source.keys, keyKinds).map { "\(quoted($0)) \(types[$1] ?? "") NOT NULL" }
    try await run(
      """
      CREATE TABLE \(table) (\(columns.joined(separator: ", ")), \(quoted(textColumn)) text,
        role text NOT NULL DEFAULT 'user', \(quoted(source.vector)) \(column ?? vectorType(Self.dimensions)),
        PRIMARY KEY (\(keyColumns)))
      """)
  }

  /// The first column of the text.
  private var textColumn: String { source.text.columns?.first ?? "content" }
  private var keyColumns: String { source.keys.map(quoted).joined(separator: ", ") }

  /// Makes the database alone.
  init(bare kind: StoreKind, source: Source = Source(table: "messages"), pgvector: Bool = true) async throws {
    if kind.isPostgres, !Helper.postgres.isUsable { try Test.cancel("\(Helper.postgres.missing)") }
    self.kind = kind
    self.source = source
    database =
      switch kind {
      case .postgres16: .postgres(try await PostgresCluster.shared(.sixteen).freshDatabase(pgvector: pgvector))
      case .postgres18: .postgres(try await PostgresCluster.shared(.eighteen).freshDatabase(pgvector: pgvector))
      case .sqliteVector, .sqliteBlob: .sqlite(try SQLiteFile())
      }
  }

  var url: String {
    switch database {
    case .postgres(let database): database.url
    case .sqlite(let file): file.url
    }
  }

  func open(applicationName: String = "vecfill tests") async throws -> any MessageStore {
    try await DatabaseURL(url).openMessageStore(applicationName: applicationName)
  }

  /// Opens a PostgreSQL store that soon loses its patience.
  func openImpatient(
    as role: String = "postgres", lockTimeout: Duration = .milliseconds(20), writers: Int = 1
  ) async throws -> PostgresMessageStore {
    try await PostgresMessageStore(
      url: DatabaseURL(url.replacing("postgres@", with: "\(role)@")), applicationName: "vecfill tests",
      writers: writers, patience: PostgresPatience(conflicts: 2, losses: 3),
      lockTimeout: lockTimeout)
  }

  @discardableResult
  func run(_ script: String) async throws -> [[String?]] {
    switch database {
    case .postgres(let database): try await database.run(script)
    case .sqlite(let file): try await file.run(script)
    }
  }

  func vectorType(_ dimensions: Int) -> String {
    switch kind {
    case .postgres16, .postgres18: "vector(\(dimensions))"
    case .sqliteVector: "VECTOR(\(dimensions))"
    case .sqliteBlob: "BLOB"
    }
  }

  func quoted(_ name: String) -> String { "\"" + name.replacingOccurrences(of: "\"", with: "\"\"") + "\"" }

  /// The table's name as SQL.
  var table: String { (source.schema.map { quoted($0) + "." } ?? "") + quoted(source.table) }

  func literal(_ text: String?) -> String {
    text.map { "'" + $0.replacingOccurrences(of: "'", with: "''") + "'" } ?? "NULL"
  }

  func literal(_ vector: [Float]) -> String {
    guard kind == .sqliteBlob else { return "'[\(vector.map(\.description).joined(separator: ","))]'" }
    let bytes = vector.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
    return "x'\(bytes.map { String(format: "%02X", $0) }.joined())'"
  }

  func literal(_ key: RowKey) -> String {
    switch key {
    case .integer, .uuid, .text: literal(key.description)
    case .bytes(let bytes): kind.isPostgres ? "'\\x\(bytes.hex)'::bytea" : "x'\(bytes.hex)'"
    case .composite(let parts): parts.map(literal).joined(separator: ", ")
    }
  }

  func insert(_ rows: [(key: RowKey, text: String?)]) async throws {
    let values = rows.map { "(\(literal($0.key)), \(literal($0.text)))" }
    try await run(
      "INSERT INTO \(table) (\(keyColumns), \(quoted(textColumn))) VALUES \(values.joined(separator: ", "))")
  }

  func insert(_ texts: [Int64: String?]) async throws {
    try await insert(texts.map { (.integer($0.key), $0.value) })
  }

  func fill(_ key: RowKey, with vector: [Float]) async throws {
    try await run(
      """
      UPDATE \(table) SET \(quoted(source.vector)) = \(literal(vector))
      WHERE (\(keyColumns)) = (\(literal(key)))
      """)
  }

  /// The vectors that are in the table, by the key's text.
  func vectors() async throws -> [String: [Float]] {
    let columns = zip(source.keys, keyKinds + source.keys.dropFirst(keyKinds.count).map { _ in .integer })
    let keys = columns.map { name, column in
      column == .bytes && !kind.isPostgres ? "'\\x' || lower(hex(\(quoted(name))))" : quoted(name)
    }
    let vector = quoted(source.vector)
    let isMissing = kind.isPostgres ? "\(vector) IS NULL" : MissingVector.condition(vector)
    let rows = try await run(
      "SELECT \(keys.joined(separator: ", ")), \(vector) FROM \(table) WHERE NOT (\(isMissing))")
    return Dictionary(
      uniqueKeysWithValues: try rows.map { row in
        let key = row.dropLast().map { $0 ?? "" }
        let text = key.count == 1 ? key[0] : "(\(key.joined(separator: ", ")))"
        return (text, try floats((row.last ?? nil) ?? ""))
      })
  }

  /// Makes the table refuse each row whose text begins with `odd`, by the trigger "guard", whose message has the text.
  func refuseOddRows() async throws {
    try await run(
      kind.isPostgres
        ? """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN RAISE EXCEPTION 'no place for %', NEW.content USING ERRCODE = '45000'; END $$;
        CREATE TRIGGER guard BEFORE UPDATE ON messages FOR EACH ROW WHEN (NEW.content LIKE 'odd%')
          EXECUTE FUNCTION refuse()
        """
        : """
        CREATE TRIGGER guard BEFORE UPDATE ON messages WHEN NEW.content LIKE 'odd%'
          BEGIN SELECT RAISE(ABORT, 'no place for odd one'); END
        """)
  }

  /// Makes the table take no vector for each row whose text begins with `odd`, by the trigger "forget".
  func forgetOddRows() async throws {
    try await run(
      kind.isPostgres
        ? """
        CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN NEW.embedding := NULL; RETURN NEW; END $$;
        CREATE TRIGGER forget BEFORE UPDATE ON messages FOR EACH ROW WHEN (NEW.content LIKE 'odd%')
          EXECUTE FUNCTION forget()
        """
        : """
        CREATE TRIGGER forget AFTER UPDATE OF embedding ON messages
          WHEN NEW.content LIKE 'odd%' AND NEW.embedding IS NOT NULL
          BEGIN UPDATE messages SET embedding = NULL WHERE id = NEW.id; END
        """)
  }

  private func floats(_ stored: String) throws -> [Float] {
    guard kind == .sqliteBlob else {
      return try JSONDecoder().decode([Float].self, from: Data(stored.utf8))
    }
    let digits = Array(stored)
    return stride(from: 0, to: digits.count, by: 8).map { start in
      let bytes = stride(from: start, to: start + 8, by: 2).map { UInt32(String(digits[$0..<$0 + 2]), radix: 16) ?? 0 }
      return Float(bitPattern: bytes[0] | bytes[1] << 8 | bytes[2] << 16 | bytes[3] << 24)
    }
  }
}

extension EmbeddedRow {
  init(_ key: RowKey, _ text: String, _ vector: [Float]) {
    self.init(key: key, digest: TextDigest(of: text), vector: vector[...])
  }
}

extension RowKey: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(stringLiteral value: String) { self = .text(value) }
}

extension MessageStore {
  /// All pages of a range, the last of which ends it.
  func pages(of source: Source, _ request: PageRequest) async throws -> [MessagePage] {
    var (request, pages) = (request, [MessagePage]())
    while true {
      let page = try await page(of: source, request)
      pages.append(page)
      guard let key = page.continuesAfter else { return pages }
      guard key != request.after else { throw Endless() }
      request.after = key
    }
  }

  /// The rows of a page alone.
  func page(of source: Source, after key: RowKey?, limit: Int, sample: KeySample? = nil) async throws -> [Message] {
    try await page(of: source, PageRequest(after: key, limit: limit, sample: sample)).messages
  }
}

/// A page that continues where it began.
struct Endless: Error {}
