/// Where replies that were received are durable until their rows are written.
package enum SpoolPlace: String, Sendable, CaseIterable {
  /// In the ledger's file.
  case ledger
  /// In the database that holds the rows, so that a run on another disk finds them; the ledger has them as well.
  case database
}
