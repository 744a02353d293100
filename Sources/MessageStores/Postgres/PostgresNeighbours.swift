import Backfill
import Postgres

/// The search for the rows whose vectors are nearest to one.
struct PostgresNeighbours: Sendable {
  private let table: PostgresTable
  private let parameters: [PostgresValue]
  /// How many vectors the search looks at.
  private let looked: Int

  /// The most that pgvector allows an HNSW scan to find.
  private static let mostLooked = 1_000

  init(of vector: [Float], in table: PostgresTable, limit: Int) {
    self.table = table
    var bytes: [UInt8] = []
    table.encode(vector[...], to: &bytes)
    // Of pieces more are looked at, since several may be of one row.
    looked = table.pieces == nil ? limit : min(10 * limit, Self.mostLooked)
    parameters =
      [.binary(bytes), .integer(Int64(limit))] + (table.pieces == nil ? [] : [.integer(Int64(looked))])
  }

  func read(on connection: isolated PostgresConnection) throws -> [Neighbour] {
    let rows = try connection.segments { pipeline in
      try pipeline.add(table.settings())
      // An HNSW scan finds no more rows than this.
      try pipeline.add(
        "SELECT pg_catalog.set_config('hnsw.ef_search', $1, true)",
        [.text(String(min(max(looked, 40), Self.mostLooked)))])
      try pipeline.add(table.pieces?.nearest(in: table) ?? table.nearest, parameters, format: .binary)
    }[0].get()[2]
    let width = table.key.columns.count
    return try rows.indices.map { row in
      Neighbour(
        key: try table.key(of: rows, row: row, from: 0), text: rows.text(row: row, column: width) ?? "",
        distance: rows.text(row: row, column: width + 1).flatMap { Double($0) } ?? .nan,
        piece: table.pieces == nil ? nil : rows.text(row: row, column: width + 2).flatMap { Int($0) })
    }
  }
}
