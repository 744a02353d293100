import Backfill
import Foundation
import Ledger

extension Pipeline {
  /// With more rows in quarantine than these none leaves it at the run's end, so that memory is bounded (P8).
  static let mostQuarantined = 100_000

  /// The rows of one source that were met in quarantine; nil where they are too many.
  typealias Met = Set<RowKey>?

  /// Takes note of the page's rows that are in quarantine for the text that they have, and of those that have another now.
  ///
  /// - Parameter condemned: the digests of the texts for which rows of the page are in quarantine.
  func meet(_ condemned: [RowKey: TextDigest], in page: MessagePage, of source: Int) {
    guard !condemned.isEmpty else { return }
    var (same, others): ([RowKey], [RowKey]) = ([], [])
    for message in page.messages {
      guard let digest = condemned[message.key] else { continue }
      let held = message.unreadable?.digest ?? message.text.map(TextDigest.init(of:))
      if held == digest { same.append(message.key) } else { others.append(message.key) }
    }
    change(source) { met in
      met.formUnion(same)
      met.subtract(others)
    }
  }

  /// Takes note of the rows that were put into quarantine.
  func meet(_ condemned: [CondemnedRow]) {
    for row in condemned { change(row.source) { $0.insert(row.key) } }
  }

  private func change(_ source: Int, _ body: (inout Set<RowKey>) -> Void) {
    metInQuarantine.withLock { all in
      guard var met = all[source, default: []] else { return }
      body(&met)
      all[source] = .some(met.count > Pipeline.mostQuarantined ? nil : met)
    }
  }

  /// Lets the rows of `sources` leave the quarantine that were not met there though each row without a vector was: they were
  /// filled or deleted, or lack no vector any more. Where that fails, the next complete run does it.
  func releaseUnmet(_ sources: [Int]) async {
    let met = metInQuarantine.withLock { $0 }
    for source in sources {
      guard let met = met[source, default: []] else { continue }
      // Other jobs may fill the rows that this one's condition leaves out.
      let isWhole = job.sources[source].condition == nil
      try? await ledger.releaseUnmet(met, of: begun.targets[source], job: isWhole ? nil : job.name)
    }
  }
}
