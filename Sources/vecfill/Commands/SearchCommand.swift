import ArgumentParser
import Backfill
import Configuration
import Foundation
import MessageStores
import Postgres

struct SearchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search", abstract: "Print the rows whose texts are nearest to some words.",
    discussion: """
      Embeds the words with the job's model, which the provider bills, and writes nothing.

      Example: `vecfill search "reset my password" job.yaml -n 3`
      """)

  @Argument(help: "The words to search for.")
  var words: String

  @OptionGroup var options: SampleOptions

  @Option(name: [.long, .customShort("n")], help: ArgumentHelp("How many rows to print.", valueName: "rows"))
  var limit = 5

  func validate() throws {
    guard (1...1000).contains(limit) else { throw ValidationError("--limit takes a number from 1 to 1000") }
  }

  func run() async throws {
    let configuration = try options.configuration()
    let job = try configuration.job()
    for warning in configuration.warnings() { Console.standard.warn(warning) }
    guard let input = configuration.queryPreparation(of: job).input(for: words) else {
      throw ValidationError("the words are blank")
    }
    let embedder = try configuration.provider().embedder(for: job.model)
    let found = try await Database.with(configuration, job, for: .reading) { database in
      try await nearest(to: try await vector(of: input, from: embedder, job), job, database)
    }
    guard !found.isEmpty else { return print("no row has a vector yet") }
    let rows = found.map { source, neighbour in
      let piece = neighbour.piece.map { " #\($0)" } ?? ""
      return [
        neighbour.distance.fixed(4), "\(source.name) \(neighbour.key)\(piece)".onOneLine, excerpt(neighbour.text),
      ]
    }
    print(TextTable(header: ["distance", "table key", "text"], rows: rows, alignments: [.left, .left, .left]))
  }

  private func vector(of input: String, from embedder: any Embedder, _ job: Job) async throws -> [Float] {
    do {
      return Array(try await embedder.embedWithTries([input], as: .query).vectors[0])
    } catch {
      var failure = error
      // It may quote the words.
      failure.serverMessage = nil
      throw failure.failureWithoutAnswer(of: job.model.provider)
    }
  }

  private func nearest(
    to vector: [Float], _ job: Job, _ database: Database
  ) async throws -> [(source: Source, neighbour: Neighbour)] {
    var found: [(source: Source, neighbour: Neighbour)] = []
    for source in job.sources {
      found += try await database.store.nearest(to: vector, in: source, limit: limit).map { (source, $0) }
    }
    return Array(found.sorted { $0.neighbour.distance < $1.neighbour.distance }.prefix(limit))
  }

  /// A text's beginning on one line; a control character could steer the terminal.
  private func excerpt(_ text: String) -> String {
    let line = text.onOneLine
    return line.count > 70 ? line.prefix(69) + "…" : line
  }
}
