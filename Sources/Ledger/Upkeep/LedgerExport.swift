/// The ledger's tables as an export has them.
struct LedgerExport {
  /// The table, with what it is joined to.
  let from: String
  /// What its rows are read in the order of.
  let places: [String]
  /// The fields of a line, and what SQL makes of each.
  private let fields: [(name: String, sql: String)]

  private static let rowsAtOnce = 5_000

  /// A line and its places, behind the places that are given.
  var sql: String {
    let object = fields.map { "'\($0.name)', \($0.sql)" }.joined(separator: ", ")
    let order = places.joined(separator: ", ")
    let behind = places.map { _ in "?" }.joined(separator: ", ")
    return """
      SELECT json_object(\(object)), \(order) FROM \(from) WHERE (\(order)) > (\(behind))
      ORDER BY \(order) LIMIT \(LedgerExport.rowsAtOnce)
      """
  }

  /// Whether the first places are behind the second ones. A damaged file may have its rows in another order, and reading
  /// them would never end.
  var isBehind: String {
    let row = places.map { _ in "?" }.joined(separator: ", ")
    return "SELECT (\(row)) > (\(row))"
  }

  private static func time(_ column: String) -> String { "strftime('%Y-%m-%dT%H:%M:%fZ', \(column), 'unixepoch')" }
  private static func bool(_ column: String) -> String { "json(iif(\(column), 'true', 'false'))" }

  static let tables = [
    LedgerExport(
      from: "target", places: ["id"],
      fields: [
        ("kind", "'column'"), ("column", "id"), ("database", "database"), ("table", "source"),
        ("vectorColumn", "vector_column"), ("identity", "identity"), ("fingerprint", "json(fingerprint)"),
      ]),
    LedgerExport(
      from: "run", places: ["id"],
      fields: [
        ("kind", "'run'"), ("run", "id"), ("job", "job"), ("database", "database"), ("columns", "json(targets)"),
        ("model", "model"), ("state", "state"), ("exitCode", "exit_code"), ("reason", "reason"),
        ("startedAt", time("started_at")), ("endedAt", time("ended_at")), ("tally", "json(tally)"),
      ]),
    LedgerExport(
      from: "batch", places: ["run_id", "number"],
      fields: [
        ("kind", "'batch'"), ("run", "run_id"), ("number", "number"), ("column", "target_id"), ("state", "state"),
        ("inputs", "inputs"), ("tokens", "tokens"), ("mostUsd", "reservation"), ("possiblyPaid", "possibly_paid"),
      ]),
    LedgerExport(
      from: "receipt", places: ["id"],
      fields: [
        ("kind", "'receipt'"), ("run", "run_id"), ("number", "number"), ("requestId", "request_id"),
        ("requests", "requests * (inputs > 0)"), ("inputs", "inputs"), ("tokensBilled", "billed_tokens"),
        ("isCountedHere", bool("is_counted_here")), ("costUsd", "cost"), ("spentUsd", "spent"),
        ("fittedRows", "fitted_rows"), ("isPlacedByOrder", bool("is_placed_by_order")),
        ("receivedAt", time("received_at")),
      ]),
    LedgerExport(
      from: "provider_batch", places: ["id"],
      fields: [
        ("kind", "'providerBatch'"), ("run", "run_id"), ("job", "job"), ("state", "state"), ("batchId", "batch_id"),
        ("lines", "lines"), ("inputs", "inputs"), ("rows", "rows"), ("tokens", "tokens"), ("mostUsd", "reservation"),
        ("reason", "reason"), ("madeAt", time("made_at")), ("endedAt", time("ended_at")),
      ]),
    LedgerExport(
      from: "quarantine", places: ["target_id", "key"],
      fields: [
        ("kind", "'quarantine'"), ("run", "run_id"), ("column", "target_id"), ("key", "json(key)"),
        ("failure", "class"),
        ("reason", "reason"), ("digest", "lower(hex(digest))"), ("condemnedAt", time("condemned_at")),
      ]),
  ]
}
