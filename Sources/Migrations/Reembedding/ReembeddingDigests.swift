import Backfill
import PgVector
import Postgres

/// What becomes of the digests of `edits: digest` while a column is changed to another model.
///
/// A digest says which text a vector is of, and so it belongs to one column's vectors. In tables of their own they change
/// their names with the columns. A column of digests stays: so nothing may be left in it at a switch that is not of the
/// texts as they are, and no vector of an earlier text may go beside, where nothing would tell of it any more.
struct ReembeddingDigests: Sendable {
  let table: ReembeddedTable
  private var source: Source { table.source }

  /// Throws a `Failure` where nobody knows which rows were edited.
  func check(on connection: isolated PostgresConnection) throws {
    guard source.edits == .digest else { return }
    if source.keepsDigestsApart {
      guard try name(of: source.vector, on: connection).isThere else {
        throw table.refusal("its table of digests is not there", "`vecfill migrate up JOB` makes it")
      }
    } else {
      _ = try proof(on: connection)
    }
  }

  /// That all edited rows are marked; throws a `Failure` where that isn't known.
  private func proof(on connection: isolated PostgresConnection) throws -> EditProof {
    guard let marks = try EditProof.marks(of: source, in: table.id, on: connection),
      let proof = try EditProof.read(of: source, in: table.id, on: connection), proof.admits(source, marks: marks)
    else {
      throw table.refusal(
        "which rows were edited is not known, as no run has compared its texts since its trigger was made or changed",
        "`vecfill migrate up JOB` and `vecfill run JOB`, then the same command again; where no trigger can be, say "
          + "edits: {digest: table}")
    }
    return proof
  }

  /// Makes the table of the digests of `column`, which is beside, like the one of the column that is read; nothing where it
  /// is there.
  func make(for column: String, on connection: isolated PostgresConnection) throws {
    guard source.edits == .digest, source.keepsDigestsApart else { return }
    let (own, new) = (try name(of: source.vector, on: connection), try name(of: column, on: connection))
    guard own.isThere, !new.isThere else { return }
    try connection.execute("CREATE TABLE \(new.quoted) (LIKE \(own.quoted) INCLUDING ALL)")
    try comment(new.quoted, column, on: connection)
    let grants = try connection.query(
      """
      SELECT format('GRANT %s ON %s TO %s%s', acl.privilege_type, $2::text,
        CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END,
        CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
      FROM pg_class c, aclexplode(c.relacl) acl WHERE c.oid = to_regclass($1)
      """, [.text(own.quoted), .text(new.quoted)]
    ).compactMap { $0[0] }
    for grant in grants { try connection.execute(grant) }
  }

  /// Drops that of `column`, if any.
  func drop(of column: String, on connection: isolated PostgresConnection) throws {
    let found = try name(of: column, on: connection)
    if found.isThere { try connection.execute("DROP TABLE \(found.quoted)") }
  }

  /// Before the columns change their names, with nobody else at the table: what is marked as edited goes beside without a
  /// vector, and the tables of digests change their names. Returns what the marks are still worth after it.
  func switchOver(
    from before: Reembedding, to after: Reembedding, on connection: isolated PostgresConnection
  ) throws -> EditProof? {
    guard source.edits == .digest else { return nil }
    if source.keepsDigestsApart {
      try make(for: before.columnBeside, on: connection)
      let (read, beside) = (
        try name(of: before.column, on: connection), try name(of: before.columnBeside, on: connection)
      )
      guard read.isThere, beside.isThere else { return nil }
      let next = try name(of: after.columnBeside, on: connection)
      try connection.execute(
        """
        ALTER TABLE \(read.quoted) RENAME TO \(next.name.quotedIdentifier);
        ALTER TABLE \(beside.quoted) RENAME TO \(read.name.quotedIdentifier);
        """)
      try comment(next.quoted, after.columnBeside, on: connection)
      try comment(read.quoted, after.column, on: connection)
      return nil
    }
    let known = try proof(on: connection)
    let (vector, digest) = (before.column.quotedIdentifier, source.digestColumn.quotedIdentifier)
    // Each by its own index.
    try connection.execute(
      """
      UPDATE \(table.name.quoted) SET \(vector) = NULL, \(digest) = NULL
      WHERE \(MarkedRowsIndex.predicate(digest: digest));
      UPDATE \(table.name.quoted) SET \(digest) = NULL WHERE \(vector) IS NULL AND \(digest) IS NOT NULL;
      """)
    return known
  }

  /// After the triggers were made anew in the same transaction: nobody could edit in between.
  func keep(_ proof: EditProof?, on connection: isolated PostgresConnection) throws {
    guard let proof, let marks = try EditProof.marks(of: source, in: table.id, on: connection) else { return }
    try proof.marked(by: marks).keep(of: source, in: table.id, on: connection)
  }

  private func comment(_ name: String, _ column: String, on connection: isolated PostgresConnection) throws {
    try connection.execute("COMMENT ON TABLE \(name) IS \(DigestTable.comment(of: source(of: column)).sqlLiteral)")
  }

  /// The table of the digests of `column`'s vectors, or what it would be called.
  private func name(
    of column: String, on connection: isolated PostgresConnection
  ) throws -> (name: String, quoted: String, isThere: Bool) {
    let filled = source(of: column)
    let schema = table.name.schema ?? ""
    let found = try OwnName.digestTables(of: filled, in: schema, connection).found
    let name = DigestTable.name(of: filled).chosen { found[$0] }
    return (name, SQLName(schema: schema, name).quoted, found[name] == true)
  }

  private func source(of column: String) -> Source {
    var filled = source
    filled.vector = column
    return filled
  }
}
