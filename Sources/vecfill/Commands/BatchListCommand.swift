import ArgumentParser
import Backfill
import Configuration
import Foundation
import Ledger

struct BatchListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Show a job's batches, and what the provider says of them.",
    discussion: """
      Shows those that have not ended, and the last ten that have. It writes nothing.

      Example: `vecfill batch list job.yaml`
      """)

  @OptionGroup var options: SampleOptions
  @OptionGroup var ledger: LedgerOption

  @Flag(help: "One JSON array, for machines.")
  var json = false

  func run() async throws {
    let configuration = try options.configuration(ledger: ledger)
    let job = try configuration.job()
    let batches = try await OpenBatches.of(configuration, ended: 10)?.batches ?? []
    var reports: [BatchReport] = []
    let provider =
      batches.contains { $0.state == .submitted }
      ? try configuration.provider().makeBatchProvider(for: job.model) { Console.standard.warn($0) }.provider : nil
    for batch in batches {
      var told: String?
      if batch.state == .submitted, let id = batch.batchID {
        do {
          told = try await provider?.batch(id)?.told ?? "not shown by the provider"
        } catch {
          throw error.failure(of: job.model.provider)
        }
      }
      reports.append(BatchReport(batch, told: told, at: Date()))
    }
    guard !json else { return print(JSONLine.encode(reports)) }
    guard !reports.isEmpty else { return print("\(job.name) has submitted nothing") }
    print(
      TextTable(
        header: ["batch", "rows", "lines", "tokens", "since", "state"],
        rows: reports.map {
          [
            $0.batch ?? $0.file, $0.rows.grouped, $0.lines.grouped, $0.tokens.grouped,
            $0.submittedAt.stamp(isShort: true), $0.standing,
          ]
        }, alignments: [.left, .right, .right, .right, .left, .left]))
  }
}
