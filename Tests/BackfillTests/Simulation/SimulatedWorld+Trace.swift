import Backfill

/// What a person reads of a world that fails: its last steps, one a line.
extension SimulatedWorld {
  /// So many are kept.
  private static let mostTraced = 40

  /// Does nothing where nobody reads, and nothing more once something has gone wrong.
  mutating func note(_ line: (SimulatedWorld) -> String) {
    guard let earlier = trace, violations.isEmpty else { return }
    trace = earlier.suffix(Self.mostTraced - 1) + ["\(Int(now / .milliseconds(1))) ms: \(line(self))"]
  }

  func described(_ event: Conductor.Event) -> String {
    switch event {
    case .lastKeyRead(let key): "the table's last key is \(key.map(described) ?? "none")"
    case .pageRead(let page):
      "a page has \(page.taken) rows for \(page.contents.count) requests, "
        + (page.continuesAfter.map { "goes on behind \(described($0))" } ?? "is the last one")
    case .received(let id, _): "the reply of \(described(id)) is in the ledger"
    case .requestFailed(let id, let failure): "\(described(id)) failed: \(failure.reason)"
    case .granted(let grant): "dollars up to \(grant.committed) are granted, others have \(grant.others)"
    case .lapsed(let id): "\(described(id)) was not sent, its slice had lapsed"
    case .written(let report, let writer):
      "writer \(writer): "
        + report.batches.map {
          "\(described($0.id)) wrote \($0.written), changed \(described($0.changed)), locked "
            + "\(described(Array($0.locked))), refused \($0.refused.count), unfilled \($0.unfilled.count)"
        }.joined(separator: "; ")
    case .started, .settled, .prepared: "\(event)"
    default: String("\(event)".prefix(100))
    }
  }

  func described(_ action: Conductor.Action) -> String {
    switch action {
    case .readPage(let source, let page, let held, _):
      "-> read table \(source) behind \(page.after.map(described) ?? "nothing")"
        + "\(page.through.map { " through \(described($0))" } ?? ""), \(page.rows), \(held.count) held"
    case .request(let batch, let attempt, _):
      "-> ask for \(described(batch.id)), attempt \(attempt): \(described(batch.contents.rows.map(\.key))) of table "
        + "\(batch.source)\(batch.isProbe ? ", a probe" : "")"
    case .compare(let batch): "-> compare \(described(batch.id)) of table \(batch.source)"
    case .write(let write):
      "-> writer \(write.writer) writes to table \(write.source): "
        + write.parts.map { part in
          ([part.batch] + part.others).map(described).joined(separator: "+")
            + (part.rows.map { " \(described(Array($0)))" } ?? "")
        }.joined(separator: ", ")
    case .settle(let settlement):
      "-> settle "
        + (settlement.batches.map(described)
        + settlement.condemned.map {
          "row \(described($0.key)) of table \($0.source) condemned: \($0.condemnation.reason)"
        }
        + settlement.watermarks.map { "watermark of table \($0.source) at \(described($0.key))" })
        .joined(separator: ", ")
    case .claim(let ask):
      "-> claim: spent \(ask.dollars.spent), reserved \(ask.dollars.reserved), kept \(ask.dollars.kept), wants "
        + "\(ask.dollars.least) to \(ask.dollars.wanted) dollars"
    default: "-> \(String("\(action)".prefix(100)))"
    }
  }

  private func described(_ key: RowKey) -> String { if case .integer(let key) = key { "\(key)" } else { "\(key)" } }
  private func described(_ keys: [RowKey]) -> String {
    keys.isEmpty
      ? "no row" : "rows " + keys.map(described).sorted { ($0.count, $0) < ($1.count, $1) }.joined(separator: " ")
  }
  private func described(_ id: BatchID) -> String { "\(id.run)/\(id.number)" }
}
