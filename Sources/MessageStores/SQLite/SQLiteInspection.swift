import Backfill
import Foundation
import GRDB
import Postgres

/// Finds a source in a SQLite file and refuses, by a `Failure`, what can't be paged or filled.
struct SQLiteInspection {
  private let source: Source
  private let access: StoreAccess
  private let database: Database

  /// The table that `source` names; without `dimensions`, any dimension will do.
  static func table(
    of source: Source, dimensions: Int?, for access: StoreAccess, in database: Database
  ) throws -> SQLiteTable {
    try SQLiteInspection(source: source, access: access, database: database).table(dimensions: dimensions)
  }

  /// A number that changes with the file's schema.
  static func schemaVersion(of database: Database) throws -> Int {
    try Int.fetchOne(database, sql: "PRAGMA schema_version") ?? 0
  }

  private func table(dimensions: Int?) throws -> SQLiteTable {
    guard source.chunks == nil else { throw source.noPieces }
    try checkTable()
    let columns = try SQLiteColumn.all(of: source.table, in: database)
    try checkText(columns)
    let key = try SQLiteKeyInspection(source: source, database: database, columns: columns).key()
    let vector = try column(source.vector, of: columns, missing: "add the column, or name it in the job")
    guard !vector.isGenerated else { throw refusal("it is a generated column", "name another", column: source.vector) }
    let (format, found) = try vectors(in: vector)
    if let dimensions, let found, found != dimensions {
      throw refusal(
        "it holds vectors of \(found) dimensions, the job's have \(dimensions)",
        "change the job's dimensions or name another column", column: source.vector)
    }
    let table = SQLiteTable(
      source: source, key: key, vectorFormat: format, declaredType: vector.type, dimensions: found ?? dimensions,
      missingIndex: try missingIndex(for: key), triggers: try triggers(),
      schemaVersion: try Self.schemaVersion(of: database), warnings: warnings(of: key, columns))
    _ = try database.makeStatement(sql: table.page(in: SQLiteRange(of: key, after: nil, through: nil)))
    if access == .filling {
      // A trigger or an index may need a function that only the application or an extension has.
      _ = try database.makeStatement(sql: table.update("\(key.columns[0].name.quotedIdentifier) IS NULL"))
    }
    return table
  }

  private func refusal(_ reason: String, _ remedy: String, column: String? = nil) -> Failure {
    Failure(.configuration, column.map { "\(source.name).\($0)" } ?? source.name, reason, remedy: remedy)
  }

  private func checkTable() throws {
    guard source.schema == nil || source.schema == "main" else {
      throw refusal("SQLite has no schemas", "leave the schema out of the job")
    }
    let found = try Row.fetchOne(
      database, sql: "SELECT type, sql FROM sqlite_master WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')",
      arguments: [source.table])
    guard let found else { throw refusal("there is no such table", "check its name and DATABASE_URL") }
    let definition = (found["sql"] as String?) ?? ""
    guard found["type"] == "table", !definition.uppercased().hasPrefix("CREATE VIRTUAL") else {
      throw refusal("it is a view or a virtual table", "name the table itself")
    }
    guard try String.fetchOne(database, sql: "PRAGMA encoding") == "UTF-8" else {
      throw refusal("the file's texts are UTF-16, whose digests could not be compared", "convert the file to UTF-8")
    }
  }

  private func column(_ name: String, of columns: [SQLiteColumn], missing remedy: String) throws -> SQLiteColumn {
    guard let found = columns.first(where: { $0.name.lowercased() == name.lowercased() }) else {
      throw refusal("there is no such column", remedy, column: name)
    }
    return found
  }

  private func checkText(_ columns: [SQLiteColumn]) throws {
    for name in source.text.columns ?? [] {
      let text = try column(name, of: columns, missing: "name the text column in the job")
      let type = text.type.uppercased()
      if case .column = source.text, ["INT", "REAL", "FLOA", "DOUB"].contains(where: type.contains) {
        throw refusal("it holds \(text.type), not text", "name a text column", column: name)
      }
    }
    guard case .sql(let expression) = source.text else { return }
    do {
      // In a condition, where an update needs it.
      _ = try database.makeStatement(
        sql: "SELECT 1 FROM \(source.table.quotedIdentifier) WHERE (\n\(expression)\n) IS NULL")
    } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR {
      throw refusal(
        "SQLite refuses the SQL of its text: \(error.message ?? "it is no expression")",
        "correct text: {sql: ...} in the job; it is one expression over the columns of \(source.table)")
    }
  }

  /// How the column holds vectors, and their dimension: by a vector that is there, else by the declared type.
  private func vectors(in column: SQLiteColumn) throws -> (SQLiteVectorFormat, dimensions: Int?) {
    let declaration = SQLiteVectorDeclaration(type: column.type)
    if case .unsupported(let numbers) = declaration {
      throw refusal(
        "its type \(column.type) holds vectors of \(numbers), and vecfill writes 32-bit floats",
        "declare it F32_BLOB(n), or name another column", column: source.vector)
    }
    let (table, name) = (source.table.quotedIdentifier, source.vector.quotedIdentifier)
    let existing = try Row.fetchOne(
      database, sql: "SELECT typeof(\(name)), CAST(\(name) AS BLOB) FROM \(table) WHERE \(name) IS NOT NULL LIMIT 1")
    guard let existing else {
      if case .known(let format, let dimensions) = declaration { return (format, dimensions) }
      throw refusal(
        "its type \(column.type.isEmpty ? "(none)" : column.type) leaves open how it holds a vector, and no row tells",
        "declare it VECTOR(n) for JSON text, or F32_BLOB(n) or BLOB for float32", column: source.vector)
    }
    let format: SQLiteVectorFormat = existing[0] == "blob" ? .float32 : .json
    guard let vector = format.vector(existing[1]) else {
      throw refusal("a value that it holds is no vector", "name the vector column in the job", column: source.vector)
    }
    if case .known(_, let declared?) = declaration, declared != vector.count {
      throw refusal(
        "it is declared \(column.type) but holds a vector of \(vector.count) dimensions", "mend the column",
        column: source.vector)
    }
    return (format, vector.count)
  }

  /// An index on the key's columns, and maybe more, of the rows whose vector is NULL.
  private func missingIndex(for key: SQLiteKey) throws -> String? {
    let partial = try String.fetchAll(
      database, sql: "SELECT name FROM pragma_index_list(?) WHERE partial ORDER BY name", arguments: [source.table])
    let names = key.columns.map { $0.name.lowercased() }
    for index in partial {
      let columns = try String?.fetchAll(
        database, sql: "SELECT name FROM pragma_index_info(?) ORDER BY seqno", arguments: [index])
      guard columns.prefix(names.count).map({ $0?.lowercased() ?? "" }) == names else { continue }
      let plan = """
        EXPLAIN QUERY PLAN SELECT 1 FROM \(source.table.quotedIdentifier) INDEXED BY \(index.quotedIdentifier)
        WHERE \(source.vector.quotedIdentifier) IS NULL ORDER BY \(key.ascending)
        """
      // SQLite itself tells whether the index holds all rows without a vector, in order: else it can't use it.
      let steps: [Row]
      do {
        steps = try Row.fetchAll(database, sql: plan)
      } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR {
        continue
      }
      if steps.allSatisfy({ !($0["detail"] as String).contains("TEMP B-TREE") }) { return index }
    }
    return nil
  }

  private func triggers() throws -> [String] {
    let all = try Row.fetchAll(
      database,
      sql: "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE ORDER BY name",
      arguments: [source.table])
    let update = #/\bUPDATE\s+(OF\s[^;]*?\s)?ON\s/#.ignoresCase()
    return all.filter { ($0["sql"] as String).firstMatch(of: update) != nil }.map { $0["name"] }
  }

  private func warnings(of key: SQLiteKey, _ columns: [SQLiteColumn]) -> [String] {
    guard key.access == SQLiteKey.rowidAccess, !columns.contains(where: { $0.name == key.columns[0].name }) else {
      return []
    }
    return [
      "\(source.name) is paged by rowid, which VACUUM may give to other rows: don't VACUUM while rows are in quarantine"
    ]
  }
}
