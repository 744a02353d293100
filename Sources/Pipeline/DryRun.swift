import Backfill

/// Reads what a run would take, writing nothing and calling nothing (P11).
package struct DryRun: Sendable {
  let job: Job
  let store: any MessageStore
  let packer: Packer

  package init(job: Job, store: any MessageStore, packer: Packer) {
    self.job = job
    self.store = store
    self.packer = packer
  }

  /// What a run would do to one source, in pages like a run's.
  package func estimate(_ source: Source) async throws -> Estimate {
    var estimate = Estimate()
    var last: RowKey?
    while true {
      let page = try await store.page(of: source, after: last, limit: job.pageLimit)
      guard let key = page.last?.key else { return estimate }
      estimate.add(packer.pack(page))
      last = key
    }
  }
}
