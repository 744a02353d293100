/// What became of the lines of a load, each counted once; the first few of each kind are named.
package struct LoadTally: Equatable, Sendable {
  /// Lines, and where the first of them are.
  package typealias Named = Examples<LinePlace>

  package var files = 0
  package var lines = 0
  package var written = 0
  /// Rows that had this very vector already, as after a load that was killed.
  package var present = 0
  /// Rows that were edited, deleted or filled since, or that the job doesn't take.
  package var stale = Named()
  /// Lines that are wrong, by what is wrong with them.
  package private(set) var refused: [String: Named] = [:]
  /// Rows that another transaction held all the time.
  package var locked = Named()
  /// Lines of the export itself, which bring no vector.
  package var requests = 0
  /// Tokens that lines told as billed.
  package var tokens = 0
  /// Vectors of length 1, and all others.
  package var (unit, other) = (0, 0)

  package init() {}

  package mutating func refuse(_ place: LinePlace, _ reason: String) {
    refused[reason, default: Named()].add(place)
  }

  package mutating func add(_ more: LoadTally) {
    files += more.files
    lines += more.lines
    written += more.written
    present += more.present
    stale.add(more.stale)
    for (reason, named) in more.refused { refused[reason, default: Named()].add(named) }
    locked.add(more.locked)
    requests += more.requests
    tokens += more.tokens
    unit += more.unit
    other += more.other
  }

  package var refusedLines: Int { refused.values.reduce(0) { $0 + $1.count } }

  /// What the command ends with; nil for 0.
  package func failure(of folder: String) -> Failure? {
    if let (reason, named) = worst {
      let first = named.first.first.map { " at \($0)" } ?? ""
      return Failure(
        .badData, folder, "\(refusedLines.of("line")) not written; the first\(first): \(reason)",
        remedy: "the others are written; mend or leave them, and `vecfill run` or another export takes their rows")
    }
    guard locked.count > 0 else { return nil }
    return Failure(
      .unavailable, folder, "\(locked.count.of("row")) held by other transactions were not written",
      remedy: "run the same command again")
  }

  /// The kinds of refusal, the most frequent first.
  package var kinds: [(reason: String, named: Named)] {
    refused.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }.map { ($0.key, $0.value) }
  }

  private var worst: (String, Named)? { kinds.first.map { ($0.reason, $0.named) } }
}
