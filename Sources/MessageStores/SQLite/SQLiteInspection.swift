import Backfill
import Foundation
import GRDB
import Postgres

/// Finds a source in a SQLite file and refuses, by a `Failure`, what can't be paged or filled.
struct SQLiteInspection {
  private let source: Source
  private let database: Database

  /// The table that `source` names; without `dimensions`, any dimension will do.
  static func table(of source: Source, dimensions: Int?, in database: Database) throws -> SQLiteTable {
    try SQLiteInspection(source: source, database: database).table(dimensions: dimensions)
  }

  private func table(dimensions: Int?) throws -> SQLiteTable {
    try checkTable()
    try checkText()
    let keyKind = try keyKind()
    let column = try column(source.vector, missing: "add the column, or name it in the job")
    guard !column.isGenerated else { throw refusal("it is a generated column", "name another", column: source.vector) }
    let (format, found) = try vectors(in: column)
    if let dimensions, let found, found != dimensions {
      throw refusal(
        "it holds vectors of \(found) dimensions, the job's have \(dimensions)",
        "change the job's dimensions or name another column", column: source.vector)
    }
    let table = SQLiteTable(
      source: source, keyKind: keyKind, vectorFormat: format, declaredType: column.type, dimensions: found ?? dimensions
    )
    _ = try Row.fetchOne(database, sql: table.page(behindKey: false), arguments: [0])
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

  private struct Column {
    let name: String
    let type: String
    let isGenerated: Bool
    let isOnlyPrimaryKey: Bool
  }

  private func column(_ name: String, missing remedy: String) throws -> Column {
    let columns = try Row.fetchAll(
      database, sql: "SELECT name, type, hidden, pk FROM pragma_table_xinfo(?)", arguments: [source.table])
    let primary = columns.filter { ($0["pk"] as Int) > 0 }
    guard let found = columns.first(where: { ($0["name"] as String).lowercased() == name.lowercased() }) else {
      throw refusal("there is no such column", remedy, column: name)
    }
    return Column(
      name: found["name"], type: found["type"], isGenerated: (found["hidden"] as Int) > 1,
      isOnlyPrimaryKey: primary.count == 1 && primary[0] == found)
  }

  private func checkText() throws {
    let text = try column(source.text, missing: "name the text column in the job")
    let type = text.type.uppercased()
    guard !["INT", "REAL", "FLOA", "DOUB"].contains(where: type.contains) else {
      throw refusal("it holds \(text.type), not text", "name a text column", column: source.text)
    }
  }

  private func keyKind() throws -> RowKey.Kind {
    let key = try column(source.key, missing: "name the primary key in the job")
    let (table, name) = (source.table.quotedIdentifier, source.key.quotedIdentifier)
    let isUnique = try Bool.fetchOne(
      database,
      sql: """
        SELECT EXISTS (SELECT 1 FROM pragma_index_list(?) AS l WHERE l."unique" AND NOT l.partial
          AND (SELECT group_concat(name) FROM pragma_index_info(l.name)) = ? COLLATE NOCASE)
        """, arguments: [source.table, source.key])
    let hasNull = try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM \(table) WHERE \(name) IS NULL)")
    guard key.isOnlyPrimaryKey || isUnique == true, hasNull == false else {
      throw refusal(
        "it is not the table's key: it is NULL or may hold a value twice", "name the primary key in the job",
        column: source.key)
    }
    // SQLite sorts by storage class first, so that the least and the greatest key tell the classes of all.
    let ends = try Row.fetchOne(
      database,
      sql: "SELECT typeof((SELECT min(\(name)) FROM \(table))), typeof((SELECT max(\(name)) FROM \(table)))")
    switch (ends?[0] as String?, ends?[1] as String?) {
    case ("integer", "integer"): return .integer
    case ("text", "text"): return .text
    case ("null", "null"): return key.type.uppercased().contains("INT") ? .integer : .text
    case (let least, let greatest):
      let classes = least == greatest ? least ?? "" : "\(least ?? "") and \(greatest ?? "")"
      throw refusal(
        "keys stored as \(classes) can't be paged", "name a column of integers or text", column: source.key)
    }
  }

  /// How the column holds vectors, and their dimension: by a vector that is there, else by the declared type.
  private func vectors(in column: Column) throws -> (SQLiteVectorFormat, dimensions: Int?) {
    let declared = try? #/VECTOR\s*\(\s*(\d+)\s*\)/#.ignoresCase().wholeMatch(in: column.type)
    let declaredDimensions = declared.flatMap { Int($0.1) }
    let (table, name) = (source.table.quotedIdentifier, source.vector.quotedIdentifier)
    let existing = try Row.fetchOne(
      database, sql: "SELECT typeof(\(name)), CAST(\(name) AS BLOB) FROM \(table) WHERE \(name) IS NOT NULL LIMIT 1")
    guard let existing else {
      if declaredDimensions != nil { return (.json, declaredDimensions) }
      if column.type.uppercased() == "BLOB" { return (.float32, nil) }
      throw refusal(
        "its type \(column.type.isEmpty ? "(none)" : column.type) leaves open how a vector is held, and no row shows it",
        "declare it VECTOR(n) for JSON text or BLOB for float32", column: source.vector)
    }
    let format: SQLiteVectorFormat = existing[0] == "blob" ? .float32 : .json
    guard let vector = format.vector(existing[1]) else {
      throw refusal("a value that it holds is no vector", "name the vector column in the job", column: source.vector)
    }
    if let declaredDimensions, declaredDimensions != vector.count {
      throw refusal(
        "it is declared \(column.type) but holds a vector of \(vector.count) dimensions", "mend the column",
        column: source.vector)
    }
    return (format, vector.count)
  }
}
