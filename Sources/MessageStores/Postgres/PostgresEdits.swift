import Backfill
import PgVector
import Postgres

/// How edited rows are found for a source with `edits: digest`.
struct PostgresEdits: Equatable, Sendable {
  /// The digest of a row, as SQL: the column, or what finds it in `apart`.
  let digest: String
  /// vecfill's own table of the digests; nil where they are in a column of the source's table.
  var apart: PostgresDigestTable?
  /// The trigger that empties the digest of each row whose text is edited, as it is now, where an index finds those rows;
  /// nil where there is none.
  var marks: String?
  /// Why no trigger can compute the text; nil where one can.
  var obstacle: String?
  /// Whether each edited row is marked so: no text is read for them. Else each text is.
  var areMarked = false
  /// What a search goes by that reads no text of a row that was not written since the last one; nil where each reads all.
  var scope: String?
  /// That a row was written since the last complete search, as SQL; nil where that isn't known.
  var unsearched: String?
}

extension PostgresTable {
  /// That a row takes a vector whose text has the digest `digest`: it has none, or one of another text. One of which nobody
  /// knows the text counts as current.
  func lacks(digest: String) -> String {
    guard let edits else { return "\(vector) IS NULL" }
    return "(\(vector) IS NULL OR \(edits.digest) <> \(digest))"
  }

  /// That a row is one of `rows`, whatever the source's condition says.
  ///
  /// - Parameter readsText: whether the text may be looked at; else the rows that may be such ones count.
  func isOne(of rows: PageRequest.Rows, readsText: Bool = true) -> String {
    guard rows == .edited else { return readsText ? lacksVector : mayLackVector }
    guard let edits else { return "false" }
    if edits.areMarked { return "\(vector) IS NOT NULL AND \(isMarked)" }
    let differs = readsText ? edits.isOfAnother(digest) : "\(edits.digest) IS NOT NULL"
    // In this order: the text of a row that was searched before isn't read.
    return "\(vector) IS NOT NULL AND \(edits.unsearched.map { "\($0) AND " } ?? "")\(differs)"
  }

  /// That the trigger has emptied the digest; the index of such rows has the same condition.
  var isMarked: String { edits.map { MarkedRowsIndex.predicate(digest: $0.digest) } ?? "false" }
}

extension PostgresEdits {
  /// That a row's vector is of another text than the one whose digest `digest` is, NULL for no text: known to be.
  func isOfAnother(_ digest: String) -> String {
    "\(self.digest) <> coalesce(\(digest), pg_catalog.decode('00', 'hex'))"
  }

  /// The digest column and what marks edited rows; throws a `Failure` where the column is not there or can't be used.
  init(
    of source: Source, columns: [PostgresColumn], role: String, isFilled: Bool, scope: String?
  ) throws {
    let name = "\(source.name).\(source.digestColumn)"
    guard let column = columns.first(where: { $0.name == source.digestColumn }) else {
      throw Failure(
        .configuration, name, "there is no such column, and edits: digest needs it",
        remedy: "`vecfill migrate up JOB` makes it")
    }
    guard column.type.name == "bytea" else {
      throw Failure(
        .configuration, name, "it holds \(column.declared), and edits: digest needs bytea",
        remedy: "rename or drop it; `vecfill migrate up JOB` makes the right one")
    }
    for (right, isGiven) in [("SELECT", column.canRead), ("UPDATE", !isFilled || column.canWrite)] where !isGiven {
      throw Failure(
        .denied, name, "the role \(role) lacks the right to \(right)",
        remedy: "GRANT \(right) ON \(source.name) TO \(role.quotedIdentifier)")
    }
    self.init(digest: source.digestColumn.quotedIdentifier, scope: scope)
  }

  /// What a person should know of how edited rows are found.
  ///
  /// - Parameter columns: those of its table.
  func warnings(of source: Source, columns: [PostgresColumn]) -> [String] {
    guard marks == nil else { return [] }
    if apart != nil {
      return scope == nil ? ["\(source.name): each run reads all texts to find the edited ones"] : []
    }
    let cost =
      scope == nil
      ? "each run reads all of them" : "each run looks at every row and reads what was written since the last one"
    if let obstacle { return ["\(source.name): no trigger can compute its text (\(obstacle)), so \(cost)"] }
    let texts = source.text.columns ?? []
    if let generated = columns.first(where: { $0.isGenerated && texts.contains($0.name) }) {
      return ["\(source.name): no trigger sees what its generated column \(generated.name) becomes, so \(cost)"]
    }
    return [
      "\(source.name): no trigger and index find the edited texts, so \(cost): `vecfill migrate up JOB` makes both"
    ]
  }

  /// How edited rows are found in the table with the object id `relation` in `schema`, whose columns are `columns`.
  static func find(
    for source: Source, in relation: String, schema: String, columns: [PostgresColumn], role: String,
    for access: StoreAccess, key: PostgresKey, on connection: isolated PostgresConnection
  ) throws -> PostgresEdits? {
    let obstacle =
      source.edits == .ignore || source.view != nil || source.keepsDigestsApart
      ? nil : try source.obstacleToWatching(TableName(schema: schema, source.table).quotedName, on: connection)
    if access == .filling, source.chunks == nil {
      try checkRights(of: source, in: relation, role: role, on: connection)
      try PostgresOwnTriggers.check(source, obstacle, in: relation, on: connection)
    }
    guard source.edits == .digest else { return nil }
    if access == .estimating, try isYetToCome(for: source, schema: schema, columns, on: connection) { return nil }
    let isFilled = access == .filling
    guard source.keepsDigestsApart else {
      var edits = try PostgresEdits(
        of: source, columns: columns, role: role, isFilled: isFilled,
        scope: PostgresEditSearch.scope(of: source, columns: columns, in: relation, on: connection))
      try edits.lookAtMarks(of: source, in: relation, keys: key.columns.map(\.name), on: connection)
      edits.obstacle = obstacle
      return edits
    }
    let apart = try PostgresDigestTable(
      of: source, in: schema, key: key, role: role, isFilled: isFilled, on: connection)
    return PostgresEdits(
      digest: apart.digest(outer: source.table.quotedIdentifier), apart: apart,
      scope: try PostgresEditSearch.scope(of: source, columns: columns, in: relation, on: connection))
  }

  /// Throws a `Failure` with `.denied` where the role may not read by which transaction a row was written: so a write of a
  /// job with `edits` knows its own rows.
  private static func checkRights(
    of source: Source, in relation: String, role: String, on connection: isolated PostgresConnection
  ) throws {
    guard source.edits != .ignore, source.view == nil else { return }
    let rights = try connection.inspect(
      "SELECT has_column_privilege($1::oid, 'xmin', 'SELECT') AS is_given", [.text(relation)])[0]
    guard !rights.isTrue("is_given") else { return }
    throw Failure(
      .denied, source.name,
      "the role \(role) lacks the right to SELECT its system column xmin, by which a write with `edits` knows its own rows",
      remedy: "GRANT SELECT (xmin, tableoid) ON \(source.name) TO \(role.quotedIdentifier)")
  }

  /// Whether what holds the digests is yet to be made: then each vector counts as current.
  private static func isYetToCome(
    for source: Source, schema: String, _ columns: [PostgresColumn], on connection: isolated PostgresConnection
  ) throws -> Bool {
    guard source.keepsDigestsApart else { return !columns.contains { $0.name == source.digestColumn } }
    return try DigestTable.name(of: source).both.allSatisfy { name in
      let name = TableName(schema: schema, name).quotedName
      return try connection.inspect("SELECT to_regclass($1) IS NULL AS is_missing", [.text(name)])[0].isTrue(
        "is_missing")
    }
  }

  /// Finds out what marks the edited rows of the table `relation`, and whether it has marked them all.
  mutating func lookAtMarks(
    of source: Source, in relation: String, keys: [String], on connection: isolated PostgresConnection
  ) throws {
    (marks, areMarked) = (nil, false)
    guard apart == nil, let found = try EditProof.marks(of: source, in: relation, on: connection),
      try Self.areIndexed(in: relation, source, keys: keys, on: connection)
    else { return }
    marks = found
    areMarked = try EditProof.read(of: source, in: relation, on: connection)?.admits(source, marks: found) ?? false
  }

  /// Whether the table `relation` has, on each of its partitions, the index that finds marked rows.
  private static func areIndexed(
    in relation: String, _ source: Source, keys: [String], on connection: isolated PostgresConnection
  ) throws -> Bool {
    let parts = try connection.inspect(
      """
      WITH RECURSIVE family AS (
        SELECT $1::oid AS oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN family f ON f.oid = i.inhparent
          JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'p'
      )
      SELECT c.oid AS part, pg_get_expr(i.indpred, i.indrelid) AS condition FROM family f
      JOIN pg_class c ON c.oid = f.oid AND c.relkind = 'r'
      LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisvalid AND i.indexprs IS NULL AND 0 = ALL (i.indoption)
        AND $2::text[] = array(
          SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place)
      """, [.text(relation), .array(keys)])
    var found: [String: Bool] = [:]
    for row in parts {
      let isIndexed = row["condition"].map { MarkedRowsIndex.isShown($0, digest: source.digestColumn) } ?? false
      found[row["part"] ?? "", default: false] = found[row["part"] ?? "", default: false] || isIndexed
    }
    return found.values.allSatisfy(\.self)
  }
}
