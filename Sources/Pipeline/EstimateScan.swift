import Backfill
import Foundation
import Ledger

/// Reads what a run would take, writing nothing and calling nothing (P11).
///
/// While a page is read, those before it are counted side by side, one a core; no more are held than that (P8).
package struct EstimateScan: Sendable {
  let job: Job
  let store: any MessageStore
  let ledger: Ledger?
  let packers: [Packer]

  /// - Parameters:
  ///   - ledger: an existing one, opened for reading: what it holds is left out.
  ///   - packers: ways to count and pack what is read; an estimate is made with each of them, in one scan.
  package init(job: Job, store: any MessageStore, ledger: Ledger?, packers: [Packer]) {
    self.job = job
    self.store = store
    self.ledger = ledger
    self.packers = packers
  }

  /// What a run would do to one source, in pages like a run's: an estimate for each packer.
  ///
  /// - Parameters:
  ///   - sample: reads only the rows that it chooses.
  ///   - progress: is told of the rows of each page that was read.
  package func estimates(
    of source: Source, sample: KeySample? = nil, progress: @Sendable (Int) -> Void
  ) async throws -> [Estimate] {
    let held = try await held(of: source)
    let cores = max(1, ProcessInfo.processInfo.activeProcessorCount)
    var estimates = packers.map { _ in Estimate(isSample: sample != nil) }
    func add(_ figures: [PageFigures]) {
      for (index, page) in figures.enumerated() { estimates[index].add(page) }
    }
    try await withThrowingTaskGroup(of: [PageFigures].self) { counting in
      var pages = 0
      var request = PageRequest(limit: job.pageLimit, sample: sample)
      while true {
        let page = try await store.page(of: source, request)
        if pages >= cores, let figures = try await counting.next() {
          add(figures)
          pages -= 1
        }
        counting.addTask { try await count(page, of: source, held) }
        pages += 1
        progress(page.messages.count)
        guard let key = page.continuesAfter else { break }
        request.after = key
      }
      for try await figures in counting { add(figures) }
    }
    return estimates
  }

  /// What the ledger holds of `source` that need not be paid for again.
  private func held(of source: Source) async throws -> Ledger.ColumnContents? {
    guard let ledger, let column = try await store.column(of: source) else { return nil }
    let source = try await store.named(source)
    return try await ledger.contents(
      of: column, source, in: store.identity, fingerprint: job.fingerprint(of: source))
  }

  private func count(
    _ page: MessagePage, of source: Source, _ held: Ledger.ColumnContents?
  ) async throws -> [PageFigures] {
    var rows = page.messages
    var condemned: [RowKey: TextDigest] = [:]
    if let held {
      rows.removeAll { message in
        guard let text = message.text, let digest = held.spooled[message.key] else { return false }
        return digest == TextDigest(of: text)
      }
      condemned = try await ledger?.condemned(rows.map(\.key), target: held.target) ?? [:]
    }
    let spooled = page.messages.count - rows.count
    return packers.map {
      PageFigures(
        $0.pack(
          MessagePage(rows, continuesAfter: nil), condemned: condemned, cutting: source.chunks?.cutting,
          paid: held?.pieces ?? [:]), spooled: spooled)
    }
  }
}
