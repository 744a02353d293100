import Backfill
import GRDB
import Postgres

/// Finds the key by which a table can be paged: the job's columns, or where the job names none, `id`, the table's
/// primary key or its rowid.
struct SQLiteKeyInspection {
  let source: Source
  let database: Database
  let columns: [SQLiteColumn]

  /// An index that makes rows unique.
  private struct Index {
    let name: String
    let isPrimaryKey: Bool
    let columns: [String]
  }

  func key() throws -> SQLiteKey {
    guard source.keys == Source(table: "").keys else { return try key(of: source.keys) }
    do {
      return try key(of: source.keys)
    } catch let refusal as Failure {
      // `id` is only the default: a table that has another key is paged by that.
      let primary = columns.filter { $0.primaryKeyPlace > 0 }.sorted { $0.primaryKeyPlace < $1.primaryKeyPlace }
      let names = primary.map(\.name)
      guard names.map(\.folded) != source.keys.map(\.folded) else { throw refusal }
      if !names.isEmpty { return try key(of: names) }
      guard column("id") == nil, let rowid = Self.rowidNames.first(where: { column($0) == nil }) else { throw refusal }
      return try key(of: [rowid])
    }
  }

  /// What SQLite calls a row's number unless a column has the name.
  private static let rowidNames = ["rowid", "_rowid_", "oid"]

  private func column(_ name: String) -> SQLiteColumn? {
    columns.first { $0.name.folded == name.folded }
  }

  private func refusal(_ reason: String, _ remedy: String, column: String) -> Failure {
    Failure(.configuration, "\(source.name).\(column)", reason, remedy: remedy)
  }

  private func key(of names: [String]) throws -> SQLiteKey {
    if names.count == 1, let key = try rowid(names[0]) { return key }
    let found = try names.map { name in
      guard let found = column(name) else {
        throw refusal("there is no such column", try nameAKey(), column: name)
      }
      return found
    }
    let index = try index(of: found)
    let nullable = found.filter { !$0.isNotNull }
    for column in nullable {
      let hasNull = "SELECT EXISTS (SELECT 1 FROM \(source.table.quotedIdentifier) WHERE \(column.quoted) IS NULL)"
      guard try Bool.fetchOne(database, sql: hasNull) == true else { continue }
      throw refusal(
        "it can't be the key: it is NULL in a row",
        "give each row a value" + (try hasRowid() ? ", or page the table by key: rowid" : ""),
        column: found.map(\.name).joined(separator: ", "))
    }
    let kinds = try found.enumerated().map { place, column in
      SQLiteKey.Column(name: column.name, kind: try kind(of: column, isLeading: place == 0))
    }
    return SQLiteKey(columns: kinds, access: "INDEXED BY \(index.name.quotedIdentifier)")
  }

  /// The key where `name` is the row's number: by one of SQLite's names, or as the INTEGER PRIMARY KEY.
  private func rowid(_ name: String) throws -> SQLiteKey? {
    guard try hasRowid() else { return nil }
    let primary = columns.filter { $0.primaryKeyPlace > 0 }
    if let column = column(name) {
      // An INTEGER PRIMARY KEY needs no index of its own, any other key does.
      guard primary.count == 1, primary[0].name == column.name, try indices().allSatisfy({ !$0.isPrimaryKey }) else {
        return nil
      }
    } else if !Self.rowidNames.contains(name.lowercased()) {
      return nil
    }
    return SQLiteKey(
      columns: [SQLiteKey.Column(name: column(name)?.name ?? name, kind: .integer)], access: SQLiteKey.rowidAccess)
  }

  private func hasRowid() throws -> Bool {
    try Bool.fetchOne(
      database, sql: "SELECT wr = 0 FROM pragma_table_list(?) WHERE schema = 'main'", arguments: [source.table]) ?? true
  }

  private func indices() throws -> [Index] {
    let unique = try Row.fetchAll(
      database, sql: #"SELECT name, origin FROM pragma_index_list(?) WHERE "unique" AND NOT partial"#,
      arguments: [source.table])
    return try unique.map { row in
      let columns = try String?.fetchAll(
        database, sql: "SELECT name FROM pragma_index_info(?) ORDER BY seqno", arguments: [row["name"]])
      return Index(name: row["name"], isPrimaryKey: row["origin"] == "pk", columns: columns.map { $0 ?? "" })
    }
  }

  /// The index that makes the columns unique and gives them in order.
  private func index(of key: [SQLiteColumn]) throws -> Index {
    let names = key.map { $0.name.folded }
    let candidates = try indices().filter { Set($0.columns.map { $0.folded }) == Set(names) }
    guard let first = candidates.first else { throw try notTheKey(key) }
    for index in candidates where index.columns.map({ $0.folded }) == names {
      // A column's collation, or a descending part, may make the index's order another than the column's.
      let order = key.map(\.quoted).joined(separator: ", ")
      let plan = try Row.fetchAll(
        database,
        sql: """
          EXPLAIN QUERY PLAN SELECT 1 FROM \(source.table.quotedIdentifier)
          INDEXED BY \(index.name.quotedIdentifier) ORDER BY \(order)
          """)
      if plan.allSatisfy({ !($0["detail"] as String).contains("TEMP B-TREE") }) { return index }
    }
    let order = first.columns.joined(separator: ", ")
    throw refusal(
      "no index gives its rows in order",
      names.count > 1 && first.columns.map({ $0.folded }) != names
        ? "name the columns in the index's order, key: [\(order)]"
        : "make a unique index on (\(order)) in the column's own collation, ascending",
      column: key.map(\.name).joined(separator: ", "))
  }

  private func notTheKey(_ key: [SQLiteColumn]) throws -> Failure {
    refusal(
      "it is not the table's key: it may hold a value twice", try nameAKey(),
      column: key.map(\.name).joined(separator: ", "))
  }

  /// What to do where the job's key is none. A table without a primary key has a rowid.
  private func nameAKey() throws -> String {
    let rowid = try hasRowid() ? Self.rowidNames.first { column($0) == nil } : nil
    guard columns.contains(where: { $0.primaryKeyPlace > 0 }) else {
      return "it has no primary key: write key: \(rowid ?? "COLUMN, of one that has a unique index,") in the job"
    }
    return "name its primary key with `key` in the job" + (rowid.map { ", or \($0)" } ?? "")
  }

  private func kind(of column: SQLiteColumn, isLeading: Bool) throws -> RowKey.Kind {
    let table = source.table.quotedIdentifier
    // SQLite sorts by storage class first, so that the least and the greatest key tell the classes of all. The index
    // gives them at once for its first column only: of the others a value must do.
    let some = "(SELECT \(column.quoted) FROM \(table) LIMIT 1)"
    let (least, greatest) =
      isLeading
      ? ("(SELECT min(\(column.quoted)) FROM \(table))", "(SELECT max(\(column.quoted)) FROM \(table))") : (some, some)
    let ends = try Row.fetchOne(database, sql: "SELECT typeof(\(least)), typeof(\(greatest))")
    switch (ends?[0] as String?, ends?[1] as String?) {
    case ("integer", "integer"): return .integer
    case ("text", "text"): return .text
    case ("blob", "blob"): return .bytes
    case ("null", "null"): return column.declaredKind
    case (let least, let greatest):
      let classes = least == greatest ? least ?? "" : "\(least ?? "") and \(greatest ?? "")"
      throw refusal(
        "keys stored as \(classes) can't be paged", "name a key of integers, texts or blobs in the job, or rowid",
        column: column.name)
    }
  }
}
