import Postgres

extension IndexIntents {
  /// A table that is called as vecfill's own is, and what speaks against its being that.
  struct Place: Sendable {
    private let id: String
    private let name: String
    private let isOwn: Bool
    private let isReadable: Bool

    /// The columns of vecfill's own.
    static let definition = """
      table_name text NOT NULL, vector_column text NOT NULL, index_name text NOT NULL, definition text NOT NULL,
      tablespace text NOT NULL, comment text, recorded_at timestamptz NOT NULL DEFAULT now(),
      by text NOT NULL DEFAULT current_setting('application_name'),
      PRIMARY KEY (table_name, index_name)
      """

    private static let columns =
      "{table_name text,vector_column text,index_name text,definition text,tablespace text,comment text,"
      + "recorded_at timestamptz,by text}"

    /// Those of the database, or only `place`, which is quoted.
    ///
    /// What could run code of its owner's while it is read or written makes it another's: triggers, rules, checks,
    /// policies, and expressions in indexes.
    static func all(_ place: String?, on connection: isolated PostgresConnection) throws -> [Place] {
      // Most databases have none, and this asks for little.
      let exists = try connection.query("SELECT 1 FROM pg_class WHERE relname = '\(IndexIntents.tableName)' LIMIT 1")
      guard !exists.isEmpty else { return [] }
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
        WHERE c.relname = '\(IndexIntents.tableName)' AND n.nspname NOT LIKE 'pg\\_%'
          AND ($1::text IS NULL OR format('%I.%I', n.nspname, c.relname) = $1)
        ORDER BY 2
        """, [place.map(PostgresValue.text) ?? .null, .text(columns)]
      ).map { row in
        Place(
          id: row["id"] ?? "", name: row["name"] ?? "", isOwn: row.isTrue("own"), isReadable: row.isTrue("readable"))
      }
    }

    /// Whether what it says of `table` is to be trusted.
    func isTrusted(for table: String, on connection: isolated PostgresConnection) throws -> Bool {
      guard isOwn else { return false }
      return try connection.query(
        """
        SELECT 1 FROM pg_class p CROSS JOIN pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE p.oid = $1::oid AND format('%I.%I', n.nspname, c.relname) = $2 AND \(Self.trust("c.relowner"))
        """, [.text(id), .text(table)]
      ).first != nil
    }

    /// Whether the owner of the place `p` could make an index of a table of `owner` himself, or is who asks.
    private static func trust(_ owner: String) -> String {
      "(pg_has_role(p.relowner, \(owner), 'USAGE') OR pg_get_userbyid(p.relowner) = current_user)"
    }

    /// The intents for `table`, or for all tables, that are to be trusted: their place belongs to somebody who could make
    /// the index himself, or to the role that reads them.
    func read(_ table: String?, on connection: isolated PostgresConnection) throws -> Reading {
      var reading = Reading()
      guard isOwn else {
        reading.warnings = ["\(name) is not a table that vecfill made: what it says of indexes is ignored"]
        return reading
      }
      guard isReadable else {
        reading.warnings = ["\(name) can't be read by this role: whether an index is away is not known"]
        reading.isUnreadable = true
        return reading
      }
      let rows = try connection.query(
        """
        SELECT r.*, t.id IS NULL AS gone, pg_get_userbyid(p.relowner) AS owner,
          \(Self.trust("t.owner")) AS trusted
        FROM ONLY \(name) r CROSS JOIN pg_class p
        LEFT JOIN (
          SELECT c.oid AS id, c.relowner AS owner, c.relnamespace AS schema, format('%I.%I', n.nspname, c.relname) AS name
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')
        ) t ON t.name = r.table_name AND t.schema = p.relnamespace
        WHERE p.oid = $1::oid AND ($2::text IS NULL OR r.table_name = $2)
        ORDER BY r.table_name, r.index_name
        """, [.text(id), table.map(PostgresValue.text) ?? .null])
      for row in rows {
        let intent = IndexIntent(
          place: name, table: row["table_name"] ?? "", name: row["index_name"] ?? "",
          definition: row["definition"] ?? "", tablespace: row["tablespace"] ?? "", comment: row["comment"],
          author: row["by"] ?? "")
        if row.isTrue("gone") {
          reading.warnings.append("\(name) names index \(intent.name) of a table that is gone: delete its row")
        } else if !row.isTrue("trusted") {
          let warning =
            "\(name) belongs to \(row["owner"] ?? ""), who doesn't own \(intent.table): what it says of its indexes is ignored"
          if !reading.warnings.contains(warning) { reading.warnings.append(warning) }
        } else {
          reading.intents.append(intent)
        }
      }
      return reading
    }
  }
}
