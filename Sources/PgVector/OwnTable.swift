import Postgres

/// A table that is called as one of vecfill's own is, and what speaks against its being that.
///
/// vecfill keeps its own tables in the schema of the table that they are about, where every search path finds them.
package struct OwnTable: Sendable {
  package let id: String
  /// With its schema, quoted.
  package let name: String
  package let isOwn: Bool
  package let isReadable: Bool

  /// How such a table is made and known again.
  package struct Definition: Sendable {
    package let name: String
    /// The columns and constraints, as CREATE TABLE takes them.
    package let body: String
    /// The columns' names and types as the catalogue has them, e.g. "{table_id oid,by text}".
    package let columns: String

    package init(name: String, body: String, columns: String) {
      self.name = name
      self.body = body
      self.columns = columns
    }
  }

  /// Those of the database, or only the one in `schema`, which is quoted.
  ///
  /// What could run code of its owner's while it is read or written makes it another's: triggers, rules, checks,
  /// policies, and expressions in indexes.
  package static func all(
    _ definition: Definition, in schema: String?, on connection: isolated PostgresConnection
  ) throws -> [OwnTable] {
    // Most databases have none, and this asks for little.
    let exists = try connection.query("SELECT 1 FROM pg_class WHERE relname = '\(definition.name)' LIMIT 1")
    guard !exists.isEmpty else { return [] }
    let place = schema.map { "\($0).\(definition.name)" }
    return try connection.query(
      """
      SELECT c.oid AS id, format('%I.%I', n.nspname, c.relname) AS name,
        has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable,
        c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relhastriggers AND NOT c.relhasrules
          AND NOT c.relrowsecurity AND NOT c.relispartition
          AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype NOT IN ('p', 'n'))
          AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND NOT i.indisprimary)
          AND ARRAY(SELECT a.attname || ' ' || t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
              AND t.typnamespace = 'pg_catalog'::regnamespace
            ORDER BY a.attnum)::text[] = $2::text[] AS own
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relname = $3 AND n.nspname NOT LIKE 'pg\\_%'
        AND ($1::text IS NULL OR format('%I.%I', n.nspname, c.relname) = $1)
      ORDER BY 2
      """, [place.map(PostgresValue.text) ?? .null, .text(definition.columns), .text(definition.name)]
    ).map { row in
      OwnTable(
        id: row["id"] ?? "", name: row["name"] ?? "", isOwn: row.isTrue("own"), isReadable: row.isTrue("readable"))
    }
  }

  /// Whether what it says of the table with the object id `table` is to be trusted: it belongs to somebody who could do
  /// what it says himself, or to who asks.
  package func isTrusted(forTable table: String, on connection: isolated PostgresConnection) throws -> Bool {
    guard isOwn else { return false }
    return try connection.query(
      """
      SELECT 1 FROM pg_class p CROSS JOIN pg_class c
      WHERE p.oid = $1::oid AND c.oid = $2::oid AND \(Self.trust("c.relowner"))
      """, [.text(id), .text(table)]
    ).first != nil
  }

  /// Whether the owner of the own table `p` could act for `owner`, or is who asks.
  package static func trust(_ owner: String) -> String {
    "(pg_has_role(p.relowner, \(owner), 'USAGE') OR pg_get_userbyid(p.relowner) = current_user)"
  }
}
