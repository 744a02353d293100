import Postgres

extension PostgresConnection {
  /// Asks the catalogue, under limits of the store's own.
  func inspect(_ sql: String, _ parameters: [PostgresValue] = []) throws -> PostgresResult {
    try query(sql, parameters, under: PostgresSettings())
  }
}
