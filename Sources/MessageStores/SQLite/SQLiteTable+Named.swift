import Backfill
import GRDB

extension Source {
  /// The source by the key that a run pages its table by. Throws a `Failure` where there is none.
  package func keyed(in database: Database) throws -> Source {
    let columns = try SQLiteColumn.all(of: table, in: database)
    let key = try SQLiteKeyInspection(source: self, database: database, columns: columns).key()
    return try keyed(by: key, columns, in: database)
  }

  /// The source with its key as the file names it: SQLite takes a name in any case, and a row's number by several names.
  fileprivate func keyed(by key: SQLiteKey, _ columns: [SQLiteColumn], in database: Database) throws -> Source {
    var keyed = self
    keyed.keys = key.columns.map(\.name)
    if key.access == SQLiteKey.rowidAccess, !columns.contains(where: { $0.name == keyed.keys[0] }) {
      keyed.keys = [try numberColumn(of: columns, in: database) ?? "rowid"]
    }
    return keyed
  }

  /// The column that is the row's number; nil where none is.
  private func numberColumn(of columns: [SQLiteColumn], in database: Database) throws -> String? {
    let primary = columns.filter { $0.primaryKeyPlace > 0 }
    let hasIndex = try Bool.fetchOne(
      database, sql: "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk')", arguments: [table])
    return primary.count == 1 && hasIndex == false ? primary[0].name : nil
  }
}

extension SQLiteTable {
  /// The source with its key and its text as the file names them.
  func named(in database: Database) throws -> Source {
    let columns = try SQLiteColumn.all(of: source.table, in: database)
    var named = try source.keyed(by: key, columns, in: database)
    let read = try source.view == nil ? columns : SQLiteColumn.all(of: source.reading.table, in: database)
    named.text = source.text.naming { name in read.first { $0.name.folded == name.folded }?.name ?? name
    }
    return named
  }
}
