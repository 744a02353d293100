import Backfill
import EmbeddingAPIs

/// A column that is loaded, and what a line for it must say.
struct LoadColumn: Sendable {
  let source: Source
  let keyKind: RowKey.Kind
  /// Stands for what the job's vectors are made of.
  let tag: String
}

extension [LoadColumn] {
  /// Which column a line is for, by its place here, and which row of it; a reason where that can't be told.
  func place(of row: ResultLine.Row) -> Result<
    (column: Int, key: RowKey, digest: TextDigest, weights: [Int]), LineRefusal
  > {
    switch row {
    case .ticket(let ticket):
      guard indices.contains(ticket.source), self[ticket.source].tag == ticket.tag else {
        return .failure("it was exported for another model, text or preparation than the job's: export again")
      }
      guard ticket.key.kind == self[ticket.source].keyKind else { return .failure("its key is none of the table's") }
      return .success((ticket.source, ticket.key, ticket.digest, ticket.weights))
    case .key(let spelled, let table, let digest):
      guard let column = column(named: table) else {
        return .failure(
          table == nil ? "it names no table, and the job has several" : "its table is none of the job's")
      }
      guard let key = spelled.key(of: self[column].keyKind) else {
        return .failure("its key is none of the table's")
      }
      return .success((column, key, digest, []))
    }
  }

  private func column(named table: String?) -> Int? {
    guard let table else { return count == 1 ? 0 : nil }
    return firstIndex { $0.source.name == table || $0.source.table == table }
  }
}

/// Why a line is not taken.
struct LineRefusal: Error, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
  let reason: String

  init(stringLiteral reason: String) {
    self.reason = reason
  }
}
