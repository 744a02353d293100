import Backfill
import Pipeline

/// Waits between the rounds of `run --follow` until there is something to fill.
///
/// Each kind of rows of each source is looked for at a pace of its own, and at once where the database says that rows were
/// written. While it waits, it has no transaction open.
actor Lookout {
  private struct Look {
    let source: Int
    let rows: PageRequest.Rows
    var pace: LookPace
  }

  private let job: Job
  private let store: any MessageStore
  private let search: WorkSearch
  private let clock = ContinuousClock()
  private let began: ContinuousClock.Instant
  private var looks: [Look]

  init(job: Job, store: any MessageStore, search: WorkSearch) {
    self.job = job
    self.store = store
    self.search = search
    began = clock.now
    looks = job.sources.enumerated().flatMap { index, source in
      (source.edits == .digest ? [PageRequest.Rows.missing, .edited] : [.missing]).map {
        Look(source: index, rows: $0, pace: LookPace(at: .zero))
      }
    }
  }

  private var now: Duration { clock.now - began }

  /// Returns once a row is found. Throws what looking for one fails with, and a `CancellationError` where the task is
  /// cancelled.
  func wait() async throws {
    while true {
      for index in looks.indices where looks[index].pace.due <= now {
        let start = now
        let isFound = try await search.finds(looks[index].rows, of: looks[index].source)
        looks[index].pace.looked(for: now - start, found: isFound, at: now)
        if isFound { return }
      }
      let due = looks.map(\.pace.due).min() ?? .zero
      guard due > now, try await store.waitForChanges(of: job.sources, atMost: due - now) else { continue }
      for index in looks.indices { looks[index].pace.hurry(at: now) }
    }
  }
}
