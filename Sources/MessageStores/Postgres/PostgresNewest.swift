import Backfill
import PgVector
import Postgres

/// How a table's rows are read by the column of `Source.newestBy` before their key.
struct PostgresNewest: Equatable, Sendable {
  let column: PostgresKeyColumn
  /// The index that holds the rows that lack a vector by the column and the key; nil where there is none.
  let index: MissingRowsIndex?
}

extension PostgresTable {
  /// The same table, read by the column and then by the key; itself where it is read by the key alone.
  var byColumn: PostgresTable {
    guard let newest else { return self }
    var table = self
    table.key = PostgresKey(columns: [newest.column] + key.columns)
    table.missingRowsIndex = newest.index
    table.leading = newest.column
    return table
  }
}

extension MessagePage {
  /// With the rows' keys in place of the places that they were read by.
  var byKey: MessagePage {
    MessagePage(
      messages.map { message in
        guard case .composite(let parts) = message.key else { return message }
        var message = message
        message.key = parts.count == 2 ? parts[1] : .composite(Array(parts.dropFirst()))
        return message
      }, continuesAfter: continuesAfter)
  }
}

extension PostgresKeyInspection {
  /// How the rows are read by `column`. Throws a `Failure` where it isn't there, and where the table is large and no index
  /// holds the rows that lack a vector by it: each page would sort all of them.
  func newest(
    by name: String, isPartitioned: Bool, on connection: isolated PostgresConnection
  ) throws -> PostgresNewest {
    guard let column = columns.first(where: { $0.name == name }) else {
      throw Failure(
        .configuration, "\(source.name).\(name)", "there is no such column",
        remedy: "name a column with order: in the job")
    }
    guard !key.columns.contains(where: { $0.name == name }) else {
      throw Failure(
        .configuration, "\(source.name).\(name)", "it is a part of the key",
        remedy: "write order: newest, which goes by the key")
    }
    let place = PostgresKey(columns: [Self.keyColumn(column)] + key.columns)
    let found = try indexes(by: place, isPartitioned: isPartitioned, on: connection)
    if found.isEmpty, let statement = try statement(by: place, on: connection) {
      throw Failure(
        .configuration, "\(source.name).\(name)", "no index holds the rows that lack a vector by it",
        remedy: "`vecfill migrate up JOB` makes it: \(statement)")
    }
    return PostgresNewest(column: place.columns[0], index: found.contains(.texts) ? .texts : found.first)
  }
}
