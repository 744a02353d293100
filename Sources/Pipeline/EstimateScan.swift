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
  let waiting: [Source: WaitingRows]

  /// - Parameters:
  ///   - ledger: an existing one, opened for reading: what it holds is left out.
  ///   - packers: ways to count and pack what is read; an estimate is made with each of them, in one scan.
  ///   - waiting: what the database's spool holds of the sources, which is left out too.
  package init(
    job: Job, store: any MessageStore, ledger: Ledger?, packers: [Packer], waiting: [Source: WaitingRows] = [:]
  ) {
    self.job = job
    self.store = store
    self.ledger = ledger
    self.packers = packers
    self.waiting = waiting
  }

  /// What a run would do to one source, in pages like a run's, which begins behind what earlier ones have read: an estimate
  /// for each packer.
  ///
  /// - Parameters:
  ///   - sample: reads only the rows that it chooses.
  ///   - progress: gets the number of rows of each page that was read.
  package func estimates(
    of source: Source, sample: KeySample? = nil, progress: @Sendable (Int) -> Void
  ) async throws -> [Estimate] {
    let held = try await ledger?.contents(of: source, in: store, job)
    let repeats = try sample == nil && job.duplicates == .table ? KnownTexts(in: ledger, of: held?.target) : nil
    let cores = max(1, ProcessInfo.processInfo.activeProcessorCount)
    var estimates = packers.map { _ in Estimate(isSample: sample != nil) }
    func add(_ figures: [PageFigures]) {
      for (index, page) in figures.enumerated() { estimates[index].add(page) }
    }
    try await withThrowingTaskGroup(of: [PageFigures].self) { counting in
      var pages = 0
      var below = source.order == .oldest && sample == nil ? held?.watermark : nil
      var request = PageRequest(after: below, limit: job.pageLimit, sample: sample)
      var kinds: [PageRequest.Rows] = source.edits == .digest ? [.edited] : []
      while true {
        let page = try await store.page(of: source, request)
        if pages >= cores, let figures = try await counting.next() {
          add(figures)
          pages -= 1
        }
        let work = try await work(of: page, held, repeats, source)
        counting.addTask { count(work, of: source) }
        pages += 1
        progress(page.messages.count)
        request.after = page.continuesAfter
        guard request.after == nil else { continue }
        request.through = below
        guard below == nil else {
          below = nil
          continue
        }
        guard let next = kinds.popLast() else { break }
        request.rows = next
      }
      for try await figures in counting { add(figures) }
    }
    return estimates
  }

  /// A page's rows as they are counted.
  private struct Work {
    var rows: [Message]
    /// Rows whose text an earlier page has, or the column.
    var repeated: [Message] = []
    let condemned: [RowKey: TextDigest]
    let spooled: Int
    /// The pieces of their texts that are paid for.
    let paid: [RowKey: PaidPieces]
  }

  private func work(
    of page: MessagePage, _ held: Ledger.ColumnContents?, _ repeats: KnownTexts?, _ source: Source
  ) async throws -> Work {
    var rows = page.messages
    var condemned: [RowKey: TextDigest] = [:]
    if let held, let ledger {
      rows = try await ledger.unpaid(rows, of: held)
      condemned = try await ledger.condemned(rows.map(\.key), target: held.target)
    }
    let waiting = waiting[source] ?? WaitingRows()
    rows = waiting.unpaid(rows)
    var work = Work(
      rows: rows, condemned: condemned, spooled: page.messages.count - rows.count,
      paid: (held?.pieces ?? [:]).merging(waiting.pieces) { own, _ in own })
    guard let repeats else { return work }
    let digests = rows.digests.filter { condemned[$0.key] != $0.value }
    let asked = try await fresh(Set(digests.values), held, repeats, source)
    work.rows = rows.filter { message in digests[message.key].map(asked.contains) ?? true }
    work.repeated = rows.filter { message in digests[message.key].map { !asked.contains($0) } ?? false }
    return work
  }

  /// Those of a page's texts that a run would ask for.
  private func fresh(
    _ digests: Set<TextDigest>, _ held: Ledger.ColumnContents?, _ repeats: KnownTexts, _ source: Source
  ) async throws -> Set<TextDigest> {
    let known = try await repeats.known(digests)
    // What is in the spool is written before a run reads its first page.
    let spooled = Set(known.filter { held?.spooled[$0.key] == $0.digest }.map(\.digest))
    let copied = try await KnownVectors(known, in: source, store: store).vectors.keys
    return try await repeats.claim(digests.subtracting(spooled).subtracting(copied))
  }

  private func count(_ work: Work, of source: Source) -> [PageFigures] {
    packers.map { packer in
      PageFigures(
        packer.pack(
          MessagePage(work.rows, continuesAfter: nil), condemned: work.condemned, cutting: source.chunks?.cutting,
          paid: work.paid), spooled: work.spooled,
        repeated: work.repeated.isEmpty ? nil : packer.pack(MessagePage(work.repeated, continuesAfter: nil)))
    }
  }
}
