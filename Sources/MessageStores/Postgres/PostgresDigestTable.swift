import Backfill
import PgVector
import Postgres

/// The table of the digests of a source's texts, where no column may be added to the source's own: its statements.
struct PostgresDigestTable: Equatable, Sendable {
  /// With its schema, quoted.
  let name: String
  let key: PostgresKey

  /// The digest of the row that statements know as `outer`, as SQL; NULL where there is none.
  func digest(outer: String) -> String {
    "(SELECT vecfill_kept.digest FROM \(name) AS vecfill_kept WHERE \(key.equality(of: "vecfill_kept", and: outer)))"
  }

  /// `update`, which writes a vector, and in the same statement the digest $2 of its row.
  func writing(with update: String) -> String {
    """
    WITH vecfill_updated AS (\(update) RETURNING \(key.identifiers))
    INSERT INTO \(name) (\(key.identifiers), digest) SELECT \(key.identifiers), $2::pg_catalog.bytea FROM vecfill_updated
    ON CONFLICT (\(key.identifiers)) DO UPDATE SET digest = excluded.digest
    """
  }

  /// So many rows are looked at in one statement.
  private static let window = 5_000

  /// Brings the table up to date after a complete search: the digests of deleted rows go, and a vector without one gets that
  /// of the text that the row has, as it counts as current.
  func tidy(_ table: PostgresTable, on connection: isolated PostgresConnection) throws {
    var last: RowKey?
    repeat { last = try tidy(table, after: last, on: connection) } while last != nil
  }

  /// Returns the last key of the window behind `last`; nil at the end.
  private func tidy(
    _ table: PostgresTable, after last: RowKey?, on connection: isolated PostgresConnection
  ) throws -> RowKey? {
    let parameters = last.map(key.parameters) ?? []
    let isBehind = last == nil ? "true" : key.comparison(">", parametersFrom: 1)
    let ends = try ["\(name) AS vecfill_kept", table.name].map { relation -> RowKey? in
      let alias = relation == table.name ? table.identifier : "vecfill_kept"
      let found = try connection.query(
        """
        SELECT \(key.aliasedOutputs) FROM (SELECT \(key.aliased) FROM \(relation) WHERE \(isBehind)
          ORDER BY \(key.order(of: alias)) OFFSET \(Self.window - 1) LIMIT 1) AS vecfill_end
        """, parameters, format: .binary, under: table.settings())
      return found.isEmpty ? nil : try table.key(of: found, row: 0, from: 0)
    }
    // The window that ends first, so that neither table's part of it is larger.
    let end =
      try ends.contains(nil) ? ends.compactMap(\.self).first : first(of: ends.compactMap(\.self), table, on: connection)
    let isInside =
      end == nil ? isBehind : "\(isBehind) AND \(key.comparison("<=", parametersFrom: 1 + parameters.count))"
    let range = parameters + (end.map(key.parameters) ?? [])
    _ = try connection.query(
      """
      DELETE FROM \(name) AS vecfill_kept WHERE \(isInside) AND NOT EXISTS (
        SELECT FROM \(table.name) WHERE \(key.equality(of: table.identifier, and: "vecfill_kept")))
      """, range, under: table.settings())
    do {
      _ = try connection.query(
        """
        INSERT INTO \(name) (\(key.identifiers), digest)
        SELECT \(key.identifiers), \(table.digest) FROM \(table.name)
        WHERE \(isInside) AND \(table.vector) IS NOT NULL AND \(digest(outer: table.identifier)) IS NULL
          AND CASE WHEN \(table.isTooLong) THEN false ELSE \(table.text) IS NOT NULL END
        ON CONFLICT DO NOTHING
        """, range, under: table.settings())
    } catch let error as PostgresError where error.isOfRows {
      // A text that can't be read: the window's vectors go on to count as current.
    }
    return end
  }

  /// The lesser of two keys, as the table orders them.
  private func first(
    of keys: [RowKey], _ table: PostgresTable, on connection: isolated PostgresConnection
  ) throws -> RowKey? {
    guard keys.count == 2 else { return keys.first }
    let values = (0..<2).map { number in
      key.columns.enumerated().map { $1.value("$\(1 + number * key.columns.count + $0)") }.joined(separator: ", ")
    }
    let isFirst = try connection.query(
      "SELECT ROW(\(values[0])) <= ROW(\(values[1])) AS is_first", keys.flatMap(key.parameters), under: table.settings()
    )
    return isFirst[0].isTrue("is_first") ? keys[0] : keys[1]
  }
}

extension PostgresDigestTable {
  /// Finds that of `source`, whose table is in `schema`; throws a `Failure` where it is not there or can't be used.
  init(
    of source: Source, in schema: String, key: PostgresKey, role: String, isFilled: Bool,
    on connection: isolated PostgresConnection
  ) throws {
    let there = try OwnName.digestTables(of: source, in: schema, connection).found
    let plain = DigestTable.name(of: source).chosen { there[$0] }
    self.key = key
    name = "\(schema.quotedIdentifier).\(plain.quotedIdentifier)"
    let subject = "\(schema).\(plain)"
    let found = try connection.inspect("SELECT to_regclass($1)::oid", [.text(name)])[0][0]
    guard let oid = found else {
      throw Failure(
        .configuration, subject, "there is no such table, and edits: {digest: table} needs it",
        remedy: "`vecfill migrate up JOB` makes it")
    }
    let columns = try PostgresColumn.all(of: oid, on: connection)
    let needed = key.columns.map(\.name) + [DigestTable.column]
    guard columns.map(\.name).sorted() == needed.sorted(),
      columns.contains(where: { $0.name == DigestTable.column && $0.type.name == "bytea" })
    else {
      throw Failure(
        .configuration, subject, "its columns are not the key (\(source.key)) and the digest of \(source.name)",
        remedy: "drop it, or rename it where it is another's; `vecfill migrate up JOB` makes the right one")
    }
    for right in ["SELECT"] + (isFilled ? ["INSERT", "UPDATE", "DELETE"] : []) {
      let given = try connection.inspect(
        "SELECT has_table_privilege($1::oid, $2) AS is_given", [.text(oid), .text(right)])[0]
      guard given.isTrue("is_given") else {
        throw Failure(
          .denied, subject, "the role \(role) lacks the right to \(right)",
          remedy: "GRANT \(right) ON \(subject) TO \(role.quotedIdentifier)"
        )
      }
    }
  }
}
