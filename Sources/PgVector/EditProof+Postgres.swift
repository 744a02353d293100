import Backfill
import Postgres

/// In PostgreSQL it is a record of the digest column in `vecfill_column`, which goes by the table's object id.
extension EditProof {
  /// Takes the place of the database's name, which records of vectors have.
  private static let owner = "digests"

  /// The triggers that mark the edited rows of `source` in the table with the object id `relation`, and the columns that
  /// the text is made of, by what the catalogue has of them; nil where a trigger is missing, off, or watches other columns,
  /// on the table or on one that inherits from it. A partition that was attached counts: rows that were edited before have no
  /// mark. One that was made as a partition changes nothing.
  ///
  /// Of a text that is an expression each column counts whose name is in it.
  package static func marks(
    of source: Source, in relation: String, on connection: isolated PostgresConnection
  ) throws -> String? {
    let parts = try connection.query(
      """
      WITH RECURSIVE family AS (
        SELECT $1::oid AS oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN family f ON f.oid = i.inhparent
      )
      SELECT c.relispartition AND c.oid <> $1::oid AS is_partition,
        t.xmin = (SELECT a.xmin FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tableoid') AS is_born,
        t.oid AS id, t.xmin AS since, p.oid AS function, p.xmin AS function_since, \(TriggerName.watches("$6::text[]")) AS watches,
        (SELECT string_agg(a.attnum || '/' || a.xmin, ',' ORDER BY a.attname) FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            AND (a.attname::text = ANY ($6::text[]) OR strpos(lower($7), lower(a.attname::text)) > 0)) AS columns
      FROM family f JOIN pg_class c ON c.oid = f.oid AND c.relkind IN ('r', 'p')
      LEFT JOIN (pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid AND strpos(p.prosrc, $2) > 0)
        ON t.tgrelid = c.oid AND t.tgenabled IN ('O', 'A') AND starts_with(t.tgname::text, $3) AND right(t.tgname::text, $4::int) = $5
      ORDER BY c.oid, t.oid
      """,
      [
        .text(relation), .text(OwnName.mention(of: source.digestColumn)), .text(TriggerName.prefix),
        .text("\(TriggerName.Suffix.stale.count + 1)"), .text("_\(TriggerName.Suffix.stale)"),
        .array(source.text.columns ?? []), .text(source.text.expression ?? ""),
      ])
    guard parts.allSatisfy({ $0["id"] != nil && $0.isTrue("watches") }) else { return nil }
    let own = Set(parts.filter { !$0.isTrue("is_partition") }.map { $0["since"] })
    // A partition has its table's trigger, which came with the partition, or with the table's.
    return parts.filter { !$0.isTrue("is_partition") || !($0.isTrue("is_born") || own.contains($0["since"])) }
      .map { row in
        ["id", "since", "function", "function_since", "columns"].map { row[$0] ?? "" }.joined(separator: ".")
      }
      .joined(separator: " ")
  }

  /// What is kept of the digests of `source`; nil where nothing is, or nothing that can be trusted.
  package static func read(
    of source: Source, in relation: String, on connection: isolated PostgresConnection
  ) throws -> EditProof? {
    guard let records = try place(of: relation, on: connection) else { return nil }
    return try connection.query(
      """
      SELECT fingerprint FROM ONLY \(records) WHERE database = '\(owner)' AND table_id = $1::oid
        AND column_number = (SELECT attnum FROM pg_attribute WHERE attrelid = $1::oid AND attname = $2)
      """, [.text(relation), .text(source.digestColumn)]
    ).first?[0].flatMap(EditProof.init(recorded:))
  }

  /// Keeps it; returns false where there is no place for it.
  @discardableResult
  package func keep(
    of source: Source, in relation: String, on connection: isolated PostgresConnection
  ) throws -> Bool {
    guard let records = try Self.place(of: relation, on: connection) else { return false }
    let proof = adding(try Self.read(of: source, in: relation, on: connection))
    _ = try connection.query(
      """
      INSERT INTO \(records) (database, table_id, column_number, table_name, column_name, fingerprint)
      SELECT '\(Self.owner)', attrelid, attnum, $3, attname, $4 FROM pg_attribute
      WHERE attrelid = $1::oid AND attname = $2
      ON CONFLICT (database, table_id, column_number) DO UPDATE SET table_name = excluded.table_name,
        column_name = excluded.column_name, fingerprint = excluded.fingerprint, recorded_at = now(), by = excluded.by
      """, [.text(relation), .text(source.digestColumn), .text(source.table), .text(try proof.recorded())])
    return true
  }

  /// Forgets what is kept of the digests of `source`, as once vectors come without them.
  package static func forget(
    of source: Source, in relation: String, on connection: isolated PostgresConnection
  ) throws {
    guard try read(of: source, in: relation, on: connection) != nil,
      let records = try place(of: relation, on: connection)
    else { return }
    _ = try connection.query(
      "DELETE FROM ONLY \(records) WHERE database = '\(owner)' AND table_id = $1::oid AND column_name = $2",
      [.text(relation), .text(source.digestColumn)])
  }

  /// The table of records in the table's own schema; nil where there is none that is to be trusted.
  private static func place(of relation: String, on connection: isolated PostgresConnection) throws -> String? {
    let schema = try connection.query(
      "SELECT relnamespace::regnamespace FROM pg_class WHERE oid = $1::oid", [.text(relation)]
    ).first?[0]
    guard let schema, let found = try OwnTable.all(.columnRecords, in: schema, on: connection).first, found.isReadable,
      try found.isTrusted(forTable: relation, on: connection)
    else { return nil }
    return found.name
  }
}
