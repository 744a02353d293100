import Backfill
import Postgres

/// The table of the pieces of a source's texts: its statements.
struct PostgresPieces: Equatable, Sendable {
  /// The table's object id.
  let oid: String
  let schema: String
  let table: String
  let key: PostgresKey
  /// The vector column, quoted.
  let vector: String

  /// With its schema, quoted.
  var name: String { "\(schema.quotedIdentifier).\(table.quotedIdentifier)" }

  /// Whether the table has pieces of the text with the digest `digest`, SQL over the columns of the source's table, which
  /// statements know as `outer`.
  ///
  /// The digest stays outside of the subquery: there the names of the text's columns could be those of the pieces.
  func holds(_ digest: String, outer: String) -> String {
    """
    coalesce((SELECT vecfill_piece.digest FROM \(name) AS vecfill_piece
      WHERE \(matches { "\(outer).\(key.columns[$0].identifier)" }) AND vecfill_piece.number = 0) = \(digest), false)
    """
  }

  /// Whether a row has no piece at all, of whatever text.
  func lacksAny(outer: String) -> String {
    """
    NOT EXISTS (SELECT FROM \(name) AS vecfill_piece
      WHERE \(matches { "\(outer).\(key.columns[$0].identifier)" }) AND vecfill_piece.number = 0)
    """
  }

  /// The condition that a piece is of the row whose key's columns `value` gives.
  func matches(_ value: (Int) -> String) -> String {
    key.columns.enumerated().map { "vecfill_piece.\($1.identifier) = \(value($0))" }.joined(separator: " AND ")
  }

  /// The arrays of the key's columns, from parameter `first` on, as a table.
  private func keys(from first: Int) -> String {
    let parameters = key.columns.indices.map { "$\(first + $0)::pg_catalog.text[]" }.joined(separator: ", ")
    return "unnest(\(parameters)) AS vecfill_written(\(key.aliases))"
  }

  private var isOfWritten: String { matches { key.columns[$0].value("vecfill_k\($0)") } }

  /// Deletes the pieces of the rows of the keys from $1 on.
  var delete: String { "DELETE FROM \(name) AS vecfill_piece USING \(keys(from: 1)) WHERE \(isOfWritten)" }

  /// Deletes the pieces of the rows of the keys from $1 on that are of another text than the row has.
  func deleteStale(of table: PostgresTable) -> String {
    let current = """
      SELECT \(table.digest) FROM \(table.name) WHERE \(table.key.equality { "vecfill_k\($0)" })
      """
    return """
      DELETE FROM \(name) AS vecfill_piece USING (
        SELECT \(key.aliases), (\(current)) AS vecfill_digest FROM \(keys(from: 1))
      ) AS vecfill_now WHERE \(isOfWritten) AND vecfill_piece.digest IS DISTINCT FROM vecfill_digest
      """
  }

  /// Inserts a piece: its vector, the text's digest, number, start and end, and the row's key from $6 on.
  var insert: String {
    let values = key.columns.enumerated().map { $1.value("$\($0 + 6)") }.joined(separator: ", ")
    return """
      INSERT INTO \(name) (\(vector), digest, number, start, "end", \(key.identifiers))
      VALUES ($1, $2, $3::pg_catalog.int8, $4::pg_catalog.int8, $5::pg_catalog.int8, \(values))
      """
  }

  /// The $2 rows with the pieces nearest to $1, each with its best piece, of the $3 nearest pieces.
  ///
  /// The text of a piece is shown only where the row still has the text that was cut.
  func nearest(in table: PostgresTable) -> String {
    let distance = "(vecfill_piece.\(vector) \(table.pgvector("<=>")) $1)"
    let aliased = key.columns.enumerated().map { "vecfill_piece.\($1.identifier) AS vecfill_k\($0)" }
      .joined(separator: ", ")
    let row = "FROM \(table.name) WHERE \(table.key.equality { "vecfill_k\($0)" })"
    return """
      SELECT \(key.aliasedOutputs), coalesce((
          SELECT CASE WHEN \(table.digest) = vecfill_digest
            THEN pg_catalog.substr(\(table.text), vecfill_start + 1, vecfill_end - vecfill_start) END \(row)), ''),
        vecfill_distance::pg_catalog.text, vecfill_number::pg_catalog.text
      FROM (
        SELECT *, row_number() OVER (PARTITION BY \(key.aliases) ORDER BY vecfill_distance, vecfill_number) AS vecfill_rank
        FROM (
          SELECT \(aliased), vecfill_piece.number AS vecfill_number, vecfill_piece.start AS vecfill_start,
            vecfill_piece."end" AS vecfill_end, vecfill_piece.digest AS vecfill_digest, \(distance) AS vecfill_distance
          FROM \(name) AS vecfill_piece ORDER BY \(distance) LIMIT $3
        ) AS vecfill_pieces
      ) AS vecfill_ranked
      WHERE vecfill_rank = 1 ORDER BY vecfill_distance LIMIT $2
      """
  }

  /// A few pieces: their vectors, and their texts where their rows still have the text that was cut.
  func filled(in table: PostgresTable, withTexts: Bool) -> String {
    let aliased = key.columns.enumerated().map { "vecfill_piece.\($1.identifier) AS vecfill_k\($0)" }
      .joined(separator: ", ")
    let text = """
      (SELECT CASE WHEN \(table.digest) = vecfill_digest
          THEN pg_catalog.substr(\(table.text), vecfill_start + 1, vecfill_end - vecfill_start) END
        FROM \(table.name) WHERE \(table.key.equality { "vecfill_k\($0)" }))
      """
    return """
      SELECT \(withTexts ? text : "NULL::pg_catalog.text"), vecfill_vector
      FROM (
        SELECT \(aliased), vecfill_piece.start AS vecfill_start, vecfill_piece."end" AS vecfill_end,
          vecfill_piece.digest AS vecfill_digest, vecfill_piece.\(vector) AS vecfill_vector
        FROM \(name) AS vecfill_piece LIMIT $1
      ) AS vecfill_pieces
      """
  }
}
