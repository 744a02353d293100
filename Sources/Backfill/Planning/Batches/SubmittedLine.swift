/// A line of a file of requests: one batch of the ledger, whose answer comes in a file too.
package struct SubmittedLine: Equatable, Sendable {
  package let id: BatchID
  /// The ledger's id of the column that its rows are of.
  package let target: Int64
  package let rows: [BatchRow]
  /// How many texts it has, each an input.
  package let inputs: Int
  package let tokens: LineTokens
  /// The rows whose text was too long and was cut.
  package let fittedRows: Int
  /// The most that it can cost, in dollars; nil where the price is unknown.
  package let reservation: Double?

  package init(
    id: BatchID, target: Int64, rows: [BatchRow], inputs: Int, tokens: LineTokens, fittedRows: Int,
    reservation: Double?
  ) {
    self.id = id
    self.target = target
    self.rows = rows
    self.inputs = inputs
    self.tokens = tokens
    self.fittedRows = fittedRows
    self.reservation = reservation
  }
}

extension BatchID {
  /// The lines of a run's files are numbered from here on, so that none has a request's number.
  package static let firstLine = 1 << 32

  /// Whether it is a line of a file.
  package var isLine: Bool { number >= BatchID.firstLine }

  /// As the line's id in the file.
  package var lineName: String { "\(run)-\(number)" }
}
