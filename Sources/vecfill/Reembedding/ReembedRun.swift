import ArgumentParser
import Backfill
import Configuration
import Foundation
import Logging
import Migrations

/// Begins the change of a job's columns to another model, or goes on with it, up to the switch and what follows it.
struct ReembedRun {
  let task: ReembedTask
  /// The model that `--to` names.
  let to: String?
  let keepDays: Int
  let consent: Consent
  let switches: Bool
  let leastOverlap: Double?
  let leastRecall: Double?
  let maxQuarantined: Int

  private static let grace = 20.0
  /// The most texts of a request while the table's vector indexes are kept. A write of several replies holds its rows until
  /// all of them are in the indexes, some 5 ms each, and an edit by the application waits for it.
  private static let mostTexts = 10

  func run() async throws {
    let logger = Logger(label: "vecfill") { _ in ConsoleLogHandler(.standard) }
    let stops = StopSignals(logger, grace: Self.grace)
    let begun = try await task.parts()
    let target = try to.map(task.target)
    for part in begun { try part.reembedding.admit(.goOn(to: target), at: Date()) }
    guard let target = begun.first?.reembedding.target ?? target else {
      throw Failure(
        .usage, "reembed", "no column of the job is being changed to another model", remedy: "name the model with --to")
    }
    let configuration = try task.configuration(for: target)
    let pending = task.job.sources.filter { source in !begun.contains { $0.source == source } }
    if !pending.isEmpty { try await begin(pending, target, configuration) }
    stops.begin()
    var hasFilled = false
    while try await advance(configuration, stops, logger, &hasFilled) {}
  }

  /// The plan, the consent and the probe, before anything is changed; then the new columns.
  private func begin(
    _ sources: [Source], _ target: Reembedding.Target, _ configuration: JobConfiguration
  ) async throws {
    let plan = try await ReembedPlan(task, sources, target, configuration)
    print(plan.text)
    try consent.ask("Begin?", else: "nothing was changed")
    try await probe(configuration)
    for (source, former) in zip(sources, plan.formerModels) {
      try await task.connected {
        try await $0.begin(source, job: task.job.name, former: former, target: target, keepDays: keepDays)
      }
    }
  }

  /// One embedding of a harmless text: the key, the model's name and its dimensions are right.
  private func probe(_ configuration: JobConfiguration) async throws {
    let model = try configuration.job().model
    let embedder = try configuration.provider().embedder(for: model)
    do {
      let vectors = try await embedder.embedWithTries(["vecfill"], as: .document).vectors
      Console.standard.log("probe: \(model.name) answers with \(vectors[0].count) dimensions")
    } catch {
      guard error.kind != .cancelled else { throw CancellationError() }
      throw error.failureWithoutAnswer(of: model.provider)
    }
  }

  /// Does the step that is next; false where it is the last for now.
  private func advance(
    _ configuration: JobConfiguration, _ stops: StopSignals, _ logger: Logger, _ hasFilled: inout Bool
  ) async throws -> Bool {
    let parts = try await task.parts()
    guard let step = parts.map(\.reembedding.step).min() else { return false }
    let due = parts.filter { $0.reembedding.step == step }
    Console.standard.log("reembed: \(step.words)")
    switch step {
    case .find:
      try await each(due, stops) { _ = try await $0.findMissing($1.reembedding, $1.source) }
    case .fill:
      try await fill(due, configuration, stops, logger, &hasFilled)
      try await each(due, stops) { _ = try await $0.advance($1.reembedding, $1.source, to: .index) }
    case .index:
      let isWanted = try configuration.job().indexPolicy == .after
      try await each(due, stops) { _ = try await $0.buildIndexes($1.reembedding, $1.source, isWanted: isWanted) }
    case .compare:
      try await each(due, stops) { try await compare($1, $0) }
    case .switch:
      guard switches else {
        Console.standard.log(
          "ready to switch: \(task.again) does it; \(task.again.dropLast()) --abandon` drops the new column")
        return false
      }
      // Rows that came while the index was built.
      try await fill(due, configuration, stops, logger, &hasFilled)
      try await each(due, stops) { try await checkLeftOut($1, $0) }
      try consent.ask("Switch \(names(due)) to the new model?", else: "the old model is still read")
      try await interrupting(stops) { try await task.connected { try await $0.change(due, to: .rest) } }
      let (hold, target) = (ReembedEnding.hold(due), due[0].reembedding.target)
      Console.standard.log("switched: \(names(due)) now \(hold) vectors of \(target)")
    case .rest:
      try await fill(due, configuration, stops, logger, &hasFilled)
      try await each(due, stops) { _ = try await $0.advance($1.reembedding, $1.source, to: .keep) }
    case .keep:
      print(try await ReembedReport(task).text)
      return false
    }
    return true
  }

  /// Stops where more rows than may be in quarantine would lose their vector.
  private func checkLeftOut(_ part: Reembedder.Part, _ reembedder: Reembedder) async throws {
    let rows = try await reembedder.rowsLeftOut(part.source)
    guard rows > maxQuarantined else { return }
    throw Failure(
      .quarantined, part.reembedding.place,
      "\(rows.inRows) a vector and get\(rows == 1 ? "s" : "") none of the new model, as the job's where or since leaves \(rows == 1 ? "it" : "them") out",
      remedy: "nothing was switched: take where and since out of the job and run the same command again, or "
        + "--max-quarantined \(rows) goes on without \(rows == 1 ? "it" : "them")")
  }

  private func compare(_ part: Reembedder.Part, _ reembedder: Reembedder) async throws {
    let comparison = try await reembedder.compare(part.reembedding, part.source)
    Console.standard.log("\(part.reembedding.place): \(comparison)")
    if let doubt = comparison.doubt { Console.standard.log("warning: \(part.reembedding.place): \(doubt)") }
    if let shortfall = comparison.shortfall(leastOverlap: leastOverlap, leastRecall: leastRecall) {
      throw Failure(
        .badData, part.reembedding.place, shortfall,
        remedy: "nothing was switched: --min-overlap and --min-recall ask for less, 0 for nothing, and --abandon drops "
          + "the new column")
    }
    _ = try await reembedder.advance(
      part.reembedding, part.source, to: .switch, comparison: "\(comparison)")
  }

  /// Fills what lacks a vector of the new model, and prints a summary. After the first time (`hasFilled`) it prints one only
  /// if rows were written or the run did not complete.
  private func fill(
    _ parts: [Reembedder.Part], _ configuration: JobConfiguration, _ stops: StopSignals, _ logger: Logger,
    _ hasFilled: inout Bool
  ) async throws {
    let isAgain = hasFilled
    hasFilled = true
    let job = try task.filling(parts, configuration)
    try await each(parts, stops) { try await $0.makeDigests($1.reembedding, $1.source) }
    let (ending, summary) = try await Database.with(configuration, job, for: .filling, maxOutage: .seconds(600)) {
      database in
      var job = job
      if job.indexPolicy != .rebuild, database.shapes.contains(where: { !$0.indexes.present.isEmpty }) {
        job.batchSize = min(job.batchSize, Self.mostTexts)
      }
      return try await Filling(
        job: job, configuration: configuration, logger: logger, stops: stops, grace: Self.grace,
        maxQuarantined: maxQuarantined, isAgain: isAgain
      ).rounds(database) { _, first, summarize in (first.ending, summarize(first, nil)) }
    }
    if !isAgain || summary.rowsWritten > 0 || ending != .complete { print(summary.text) }
    if case .quarantined(let rows) = ending {
      Console.standard.log(
        "\(rows.inRows) no vector of the new model: --max-quarantined \(rows) goes on without \(rows == 1 ? "it" : "them")"
      )
    }
    try ending.check()
  }

  private func each(
    _ parts: [Reembedder.Part], _ stops: StopSignals,
    _ body: @escaping @Sendable (Reembedder, Reembedder.Part) async throws -> Void
  ) async throws {
    try await interrupting(stops) {
      try await task.connected { reembedder in
        for part in parts { try await body(reembedder, part) }
      }
    }
  }

  private func interrupting(_ stops: StopSignals, _ body: @escaping @Sendable () async throws -> Void) async throws {
    if case .stopped(let cause) = try await stops.requests.interrupting(body) {
      Console.standard.log("stopped by \(cause.name); \(task.again) goes on")
      throw ArgumentParser.ExitCode(Ending.stopped(cause).exitCode.rawValue)
    }
  }

  private func names(_ parts: [Reembedder.Part]) -> String {
    parts.map(\.reembedding.place).joined(separator: ", ")
  }
}

extension Reembedding.Step {
  /// What is done in it.
  var words: String {
    switch self {
    case .find: "indexing the rows that lack a vector"
    case .fill: "filling the new column"
    case .index: "indexing the new column"
    case .compare: "comparing neighbours"
    case .switch: "ready to switch"
    case .rest: "filling what came during the switch"
    case .keep: "switched, and the old column is kept"
    }
  }
}
