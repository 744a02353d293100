import Postgres

/// A table that is called as one of vecfill's own is, and what speaks against its being that.
///
/// vecfill keeps its own tables in the schema of the table that they are about, where every search path finds them.
package struct OwnTable: Sendable {
  package let id: String
  /// With its schema, quoted.
  package let name: String
  /// The object id of the role that it belongs to.
  package let owner: String
  package let isOwn: Bool
  package let isReadable: Bool

  /// How such a table is made and known again.
  package struct Definition: Sendable {
    package let name: String
    /// The columns and constraints, as CREATE TABLE takes them.
    package let body: String
    package let columns: [(name: String, type: ColumnType)]

    /// A type of such a column, by its object id, which never changes.
    package enum ColumnType: String, Sendable {
      case bytea = "17"
      case bigint = "20"
      case smallint = "21"
      case integer = "23"
      case text = "25"
      case oid = "26"
      case double = "701"
      case timestamptz = "1184"
      case uuid = "2950"
    }

    package init(name: String, body: String, columns: [(name: String, type: ColumnType)]) {
      self.name = name
      self.body = body
      self.columns = columns
    }
  }

  /// Those of the database, or only the one in `schema`, which is quoted.
  ///
  /// What could run code of its owner's while it is read or written makes it another's: triggers, rules, checks,
  /// policies, and expressions in indexes. Each catalogue is asked for itself: a session's first join and its first sort
  /// cost more than all of this.
  package static func all(
    _ definition: Definition, in schema: String?, on connection: isolated PostgresConnection
  ) throws -> [OwnTable] {
    try connection.query(
      """
      SELECT oid AS id, relowner AS owner, relnamespace::regnamespace AS schema, has_schema_privilege(relnamespace, 'USAGE')
          AND has_table_privilege(oid, 'SELECT') AS readable,
        relkind = 'r' AND relpersistence = 'p' AND NOT relhastriggers AND NOT relhasrules AND NOT relrowsecurity
          AND NOT relispartition AND relchecks = 0 AS plain
      FROM pg_class WHERE relname = '\(definition.name)'
      """
    ).compactMap { row in
      let (id, place) = (row["id"] ?? "", row["schema"] ?? "")
      guard schema == nil || schema == place, !place.hasPrefix("pg_") else { return nil }
      return OwnTable(
        id: id, name: "\(place).\(definition.name)", owner: row["owner"] ?? "",
        isOwn: try row.isTrue("plain") && isMade(id, as: definition, on: connection),
        isReadable: row.isTrue("readable"))
    }.sorted { $0.name < $1.name }
  }

  /// Whether the table has the very columns, and no index but its key's, and so no unique or exclusion constraint.
  private static func isMade(
    _ table: String, as definition: Definition, on connection: isolated PostgresConnection
  ) throws -> Bool {
    let columns = try connection.query(
      """
      SELECT attnum, attname, atttypid, attgenerated <> '' AS generated FROM pg_attribute
      WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped
      """, [.text(table)]
    ).sorted { ($0["attnum"].flatMap(Int.init) ?? 0) < ($1["attnum"].flatMap(Int.init) ?? 0) }
    guard columns.allSatisfy({ !$0.isTrue("generated") }),
      columns.map({ [$0["attname"] ?? "", $0["atttypid"] ?? ""] })
        == definition.columns.map({ [$0.name, $0.type.rawValue] })
    else { return false }
    let indexes = try connection.query("SELECT indisprimary FROM pg_index WHERE indrelid = $1::oid", [.text(table)])
    return indexes.allSatisfy { $0.isTrue("indisprimary") }
  }

  /// Whether what it says of the table with the object id `table` is to be trusted: it belongs to somebody who could do
  /// what it says himself, or to who asks.
  package func isTrusted(forTable table: String, on connection: isolated PostgresConnection) throws -> Bool {
    guard isOwn else { return false }
    return try connection.query(
      "SELECT 1 FROM pg_class WHERE oid = $1::oid AND \(Self.trust("$2::oid", for: "relowner"))",
      [.text(table), .text(owner)]
    ).first != nil
  }

  /// Whether the role `own`, an own table's owner, could act for the role `owner`, or is who asks.
  static func trust(_ own: String, for owner: String) -> String {
    "(pg_has_role(\(own), \(owner), 'USAGE') OR pg_get_userbyid(\(own)) = current_user)"
  }
}
