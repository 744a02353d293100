import ArgumentParser
import Backfill
import Configuration
import Foundation
import Ledger

struct BatchCancelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel", abstract: "Ask the provider to end a job's batches early.",
    discussion: """
      What is done by then is billed and kept: the next `vecfill run JOB --batch`, or `vecfill batch fetch`, writes it. \
      The other rows are submitted again by a later run. A batch may take some minutes to end.

      Example: `vecfill batch cancel job.yaml`
      """)

  @OptionGroup var options: SampleOptions
  @OptionGroup var ledger: LedgerOption

  func run() async throws {
    let configuration = try options.configuration(ledger: ledger)
    let job = try configuration.job()
    let batches = try await OpenBatches.of(configuration)?.batches ?? []
    let open = batches.filter { $0.state != .intended }
    guard !open.isEmpty else { return print("\(job.name) has nothing with the provider") }
    let provider = try configuration.provider().makeBatchProvider(for: job.model) { Console.standard.warn($0) }
      .provider
    do {
      for batch in open {
        var ids = [batch.batchID].compactMap(\.self)
        if ids.isEmpty, let file = batch.fileID {
          ids = try await provider.find(batch.intent, file: file).filter { $0.state == .underWay }.map(\.id)
        }
        for id in ids {
          try await provider.cancel(id)
          print("\(id): asked to end; `vecfill batch fetch` writes what it has done")
        }
        if ids.isEmpty { print("\(batch.intent.fileName): not shown by the provider") }
      }
    } catch {
      throw error.failure(of: job.model.provider)
    }
  }
}
