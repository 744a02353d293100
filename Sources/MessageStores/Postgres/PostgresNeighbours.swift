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
    func distance(_ row: Int, in column: Int) -> Double {
      rows.text(row: row, column: column).flatMap { Double($0) } ?? .nan
    }
    let keys = try rows.indices.map { try table.key(of: rows, row: $0, from: 0) }
    guard table.pieces == nil else {
      return rows.indices.map { row in
        Neighbour(
          key: keys[row], text: rows.text(row: row, column: width) ?? "", distance: distance(row, in: width + 1),
          piece: rows.text(row: row, column: width + 2).flatMap { Int($0) })
      }
    }
    return zip(rows.indices, try texts(of: keys, on: connection)).map { row, text in
      Neighbour(key: keys[row], text: text, distance: distance(row, in: width), piece: nil)
    }
  }

  /// The rows' texts, each read by itself: empty where it is NULL or can't be read.
  private func texts(of keys: [RowKey], on connection: isolated PostgresConnection) throws -> [String] {
    guard !keys.isEmpty else { return [] }
    let segments = try connection.segments { pipeline in
      for (index, key) in keys.enumerated() {
        if index > 0 { try pipeline.sync() }
        try pipeline.add(table.settings())
        try pipeline.add(table.textOfRow, table.key.parameters(key), format: .binary)
      }
    }
    return try segments.map { segment in
      switch segment {
      case .success(let results): results[1].isEmpty ? "" : results[1].text(row: 0, column: 0) ?? ""
      case .failure(let error) where error.isOfRows: ""
      case .failure(let error): throw error
      }
    }
  }
}
