import Backfill
import PgVector
import Postgres

/// The change of the names of a table's two vector columns and of their indexes, forth or back, in the transaction that
/// it is given.
struct ReembeddingSwitch: Sendable {
  let before: Reembedding
  let after: Reembedding
  let source: Source

  /// What is read again once no one else can change it: a view that came meanwhile, and who fills either column.
  func run(on connection: isolated PostgresConnection) throws {
    let table = try ReembeddedTable(source, on: connection)
    // All that follows wants this lock: once it is here, nothing else is waited for.
    try connection.execute("LOCK TABLE \(table.name.quoted) IN ACCESS EXCLUSIVE MODE")
    let read = try table.column(before.column)
    let beside = try table.column(before.columnBeside)
    // A run goes by the column's name, and would write into the other.
    for column in [read, beside] {
      try ColumnLock.take(table: table.id, number: column.number, of: before.place, on: connection)
    }
    let triggers = try Reembedder.triggers(before, table, on: connection)
    let renewed = triggers.all
    let followers = try table.followers(of: before.column, on: connection, but: renewed.contains)
    guard followers.isEmpty else {
      throw table.refusal(
        "\(followers.joined(separator: ", ")) would go on reading the other column",
        "drop what reads \(before.column), and make it again after the switch")
    }
    try triggers.removal(on: connection)
    let digests = ReembeddingDigests(table: table)
    let proof = try digests.switchOver(from: before, to: after, on: connection)
    let renaming = "ALTER TABLE \(table.name.quoted) RENAME COLUMN"
    try connection.execute(
      """
      \(renaming) \(before.column.quotedIdentifier) TO \(after.columnBeside.quotedIdentifier);
      \(renaming) \(before.columnBeside.quotedIdentifier) TO \(after.column.quotedIdentifier);
      """)
    for names in before.indexes { try rename(names, on: connection) }
    let next = try Reembedder.triggers(after, table, on: connection)
    try next.creation(on: connection)
    try next.renewOwn(on: connection)
    try digests.keep(proof, on: connection)
    try moveRecords(of: table, [read.number: after.columnBeside, beside.number: after.column], on: connection)
    try table.records.replace(before, by: after, on: connection)
  }

  private func rename(_ names: Reembedding.IndexNames, on connection: isolated PostgresConnection) throws {
    func exists(_ name: String, on connection: isolated PostgresConnection) throws -> Bool {
      try connection.query(
        "SELECT to_regclass($1) IS NOT NULL", [.text(SQLName(schema: names.schema, name).quoted)])[0][0] == "t"
    }
    func rename(_ name: String, to other: String, on connection: isolated PostgresConnection) throws {
      guard try exists(name, on: connection) else { return }
      try connection.execute(
        "ALTER INDEX \(SQLName(schema: names.schema, name).quoted) RENAME TO \(other.quotedIdentifier)")
    }
    if after.isSwitched {
      try rename(names.name, to: names.former, on: connection)
      try rename(names.new, to: names.name, on: connection)
    } else {
      try rename(names.name, to: names.new, on: connection)
      try rename(names.former, to: names.name, on: connection)
    }
  }

  /// What a column is made of goes by its number, which stays; a copy of the database looks it up by its name.
  private func moveRecords(
    of table: ReembeddedTable, _ names: [Int: String], on connection: isolated PostgresConnection
  ) throws {
    guard let records = try OwnTable.all(.columnRecords, in: table.schema, on: connection).first, records.isReadable,
      try records.isTrusted(forTable: table.id, on: connection)
    else { return }
    for (number, name) in names {
      try connection.query(
        "UPDATE ONLY \(records.name) SET column_name = $3 WHERE table_id = $1::oid AND column_number = $2::smallint",
        [.text(table.id), .text(String(number)), .text(name)])
    }
  }
}
