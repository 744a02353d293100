import Backfill
import Ledger

/// Looks for rows that a run would fill. It asks no provider and writes nothing, and no transaction is open after it.
package struct WorkSearch: Sendable {
  private let job: Job
  private let store: any MessageStore
  private let ledger: Ledger
  private let targets: [Int64]
  private let packer: Packer

  /// - Parameter targets: for each source of the job the ledger's id of its column.
  package init(job: Job, store: any MessageStore, ledger: Ledger, targets: [Int64], packer: Packer) {
    self.job = job
    self.store = store
    self.ledger = ledger
    self.targets = targets
    self.packer = packer
  }

  /// Whether `source`, by its index, has such a row among `rows`: one with a text, and not in quarantine for it.
  package func finds(_ rows: PageRequest.Rows, of source: Int) async throws -> Bool {
    var request = PageRequest(limit: job.pageLimit, leavesOutBlank: true)
    request.rows = rows
    repeat {
      let page = try await store.page(of: job.sources[source], request)
      if !page.messages.isEmpty {
        let condemned = try await ledger.condemned(page.messages.map(\.key), target: targets[source])
        let packed = packer.pack(page, condemned: condemned, cutting: job.sources[source].chunks?.cutting)
        if packed.taken > 0 || !packed.garbled.isEmpty { return true }
      }
      request.after = page.continuesAfter
    } while request.after != nil
    return false
  }
}
