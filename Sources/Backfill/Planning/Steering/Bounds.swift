/// How much a run may do at most, by its own wish: then it ends with work left, and nothing is lost.
package struct Bounds: Equatable, Sendable {
  /// The most rows that get a vector. No batch is cut after it was paid for, so that none is left out of a reply.
  package var rows: Int?
  /// The most requests that are sent, retries included.
  package var requests: Int?

  package init(rows: Int? = nil, requests: Int? = nil) {
    self.rows = rows
    self.requests = requests
  }

  /// What is left of them after a run with that tally.
  package func left(after tally: Tally) -> Bounds {
    Bounds(
      rows: rows.map { max(0, $0 - tally.written) }, requests: requests.map { max(0, $0 - tally.requests) })
  }
}
