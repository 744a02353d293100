import Backfill
import GRDB

extension SQLiteTable {
  /// The source with its key and its text as the file names them: SQLite takes a name in any case, and a row's number by
  /// several names.
  func named(in database: Database) throws -> Source {
    let columns = try SQLiteColumn.all(of: source.table, in: database)
    var named = source
    named.keys = key.columns.map(\.name)
    if key.access == SQLiteKey.rowidAccess, !columns.contains(where: { $0.name == named.keys[0] }) {
      named.keys = [try numberColumn(of: columns, in: database) ?? "rowid"]
    }
    let read = try source.view == nil ? columns : SQLiteColumn.all(of: source.reading.table, in: database)
    named.text = source.text.naming { name in read.first { $0.name.folded == name.folded }?.name ?? name
    }
    return named
  }

  /// The column that is the row's number; nil where none is.
  private func numberColumn(of columns: [SQLiteColumn], in database: Database) throws -> String? {
    let primary = columns.filter { $0.primaryKeyPlace > 0 }
    let hasIndex = try Bool.fetchOne(
      database, sql: "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk')",
      arguments: [source.table])
    return primary.count == 1 && hasIndex == false ? primary[0].name : nil
  }
}
