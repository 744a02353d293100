import Backfill
import Configuration
import Foundation
import Ledger
import MessageStores
import PgVector
import Pipeline
import Postgres
import Tokenizer

/// Makes and shows an estimate: `vecfill estimate`, and `vecfill run --dry-run`.
struct Estimation {
  let configuration: JobConfiguration
  var json = false
  var maxCost: Double?
  var compares = false
  var sampling: Sampling?

  /// The figures of embedding all rows of `job`, as if none of them had a vector.
  func figuresOfAllRows(_ job: Job) async throws -> EstimateReport {
    try await Database.with(configuration, job, for: .planning) { database in
      let counter = try TokenCounter(for: configuration.catalogueModel)
      try counter.check(job)
      // What the ledger knows is of the column that is there.
      let scan = EstimateScan(
        job: job, store: database.store, ledger: nil, packers: [Packer(job, model: job.model, counter: counter)])
      let (estimates, isSample) = try await read(job, database, scan)
      let own = Candidate(provider: "", model: job.model, price: configuration.price, counter: counter)
      return EstimateReport(
        job: job.name, estimates.map { ($0.source, $0.methods[0]) },
        terms(own, job, VectorStorage(database), counter, isSample: isSample))
    }
  }

  func tell() async throws {
    let job = try configuration.job()
    for warning in configuration.warnings(before: job) {
      Console.standard.warn(warning)
    }
    try await Database.with(configuration, job, for: .estimating) { try await tell(job, $0) }
  }

  private func tell(_ job: Job, _ database: Database) async throws {
    for (source, shape) in zip(job.sources, database.shapes) where shape.lacksColumn {
      Console.standard.log(
        "vecfill: \(source.home.name).\(source.vector) is yet to be made, so all rows count; "
          + "`vecfill migrate up JOB` makes it")
    }
    if let store = database.store as? PostgresMessageStore { try await tellShards(of: job, store) }
    let counter = try TokenCounter(for: configuration.catalogueModel)
    try counter.check(job)
    let own = Candidate(
      provider: "", model: job.model, price: configuration.price, counter: counter)
    let candidates =
      try [own] + (compares ? Candidate.all(of: configuration.catalogue, dimensions: job.model.dimensions) : [])
    // Models that pack alike differ only in their price.
    var packings: [Candidate.Packing] = []
    for candidate in candidates where !packings.contains(candidate.packing) { packings.append(candidate.packing) }
    let ledger = try Ledger.openForReading(at: try configuration.ledgerPath ?? StateFolder().ledger)
    let scan = EstimateScan(
      job: job, store: database.store, ledger: ledger,
      packers: packings.compactMap { packing in
        candidates.first { $0.packing == packing }.map { Packer(job, model: $0.model, counter: $0.counter) }
      }, waiting: try await waiting(job, database))
    let (estimates, isSample) = try await read(job, database, scan)
    let storage = VectorStorage(database)

    func report(_ candidate: Candidate) -> EstimateReport {
      let method = packings.firstIndex(of: candidate.packing) ?? 0
      return EstimateReport(
        job: job.name, estimates.map { ($0.source, $0.methods[method]) },
        terms(candidate, job, storage, counter, isSample: isSample))
    }
    let ownReport = report(own)
    if compares {
      let comparison = EstimateComparison(
        candidates.dropFirst().map { .init(model: $0.model.name, provider: $0.provider, figures: report($0).all) })
      print(
        json
          ? JSONLine.encode(comparison)
          : comparison.text(
            errorBand: TokenEstimator.errorBand, isSample: isSample, lineWidth: isatty(STDOUT_FILENO) == 1 ? 80 : .max))
    } else {
      print(json ? JSONLine.encode(ownReport) : ownReport.text)
    }
    try gate(ownReport.all, job)
  }

  /// - Parameter counter: the one of the job's own model, whatever the candidate is.
  private func terms(
    _ candidate: Candidate, _ job: Job, _ storage: VectorStorage, _ counter: TokenCounter, isSample: Bool
  ) -> EstimateTerms {
    EstimateTerms(
      model: candidate.model, price: candidate.price, limits: job.limits, storage: storage, counter: candidate.counter,
      isSample: isSample, mostBytes: candidate.counter.safeCut(job.preparation, candidate.model)?.mostBytes,
      lacksVocabulary: configuration.catalogueModel?.tokenizer == .cl100kBase && !counter.isExact,
      batch: configuration.catalogueProvider.batch.flatMap {
        guard candidate.provider.isEmpty else { return nil }
        return BatchOutlook.Offer(
          file: $0.limits, windowHours: $0.windowHours, enqueuedTokens: configuration.enqueuedTokens)
      })
  }

  /// A role that may only look has perhaps no right to the plan, and the figures are the same.
  private func tellShards(of job: Job, _ store: PostgresMessageStore) async throws {
    let twice = "equal texts in two shards may be paid twice, which is not in the figures"
    do {
      guard let plan = try await store.commonPlan(of: job.sources) else { return }
      Console.standard.log("vecfill: a plan of \(plan.count.of("shard")) is stored: \(twice)")
    } catch let failure as Failure where failure.exitCode == .denied {
      Console.standard.log("vecfill: \(failure.subject): \(failure.reason): if a plan of shards is stored, \(twice)")
    }
  }

  /// What the database's spool holds of the sources.
  private func waiting(_ job: Job, _ database: Database) async throws -> [Source: WaitingRows] {
    guard job.spool == .database else { return [:] }
    let url = try DatabaseURL(configuration.databaseURL().reveal())
    var waiting: [Source: WaitingRows] = [:]
    for source in job.sources {
      let replies = try await url.spooledRows(of: source, applicationName: "vecfill \(Host.process)")
      guard !replies.isEmpty else { continue }
      let named = try await database.store.named(source)
      waiting[source] = WaitingRows(replies, of: named, job.fingerprint(of: named))
    }
    return waiting
  }

  private typealias SourceEstimates = (source: String, methods: [Estimate])

  private func read(
    _ job: Job, _ database: Database, _ scan: EstimateScan
  ) async throws -> (estimates: [SourceEstimates], isSample: Bool) {
    let console = Console.standard
    defer { if console.isLive { console.show("") } }
    var populations: [Int] = []
    if sampling != nil || console.isLive {
      if console.isLive { console.show("counting the rows") }
      for source in job.sources { populations.append(try await database.store.countRemaining(in: source)) }
    }
    let population = populations.reduce(0, +)
    var wanted = sampling?.firstRows
    while true {
      let rows = wanted.flatMap { $0 < population ? $0 : nil }
      let sample = rows.map {
        KeySample(share: Double($0) / Double(population), seed: .random(in: 0...UInt64.max >> 1))
      }
      let progress = ScanProgress(on: console, expected: populations.isEmpty ? nil : rows ?? population)
      var estimates: [SourceEstimates] = []
      for (index, source) in job.sources.enumerated() {
        var methods = try await scan.estimates(of: source, sample: sample) { progress.add($0, of: source.name) }
        for method in methods.indices { methods[method].countsBlank = database.shapes[index].countsBlank }
        estimates.append((source.name, sample == nil ? methods : methods.map { $0.projected(to: populations[index]) }))
      }
      guard let sampling, sample != nil else { return (estimates, false) }
      var all = Estimate()
      for estimate in estimates { estimate.methods.first.map { all.merge($0) } }
      guard let next = sampling.nextRows(after: all) else { return (estimates, true) }
      wanted = next
    }
  }

  /// An estimate passes only if the most that it may cost does.
  private func gate(_ figures: EstimateFigures, _ job: Job) throws {
    guard let maxCost else { return }
    guard let cost = figures.costUsdHigh else {
      throw Failure(
        .configuration, "--max-cost", "can't be checked: the price of \(job.model.name) is unknown",
        remedy: "set the price in a catalogue of your own (--models)")
    }
    guard cost <= maxCost else {
      throw Failure(
        .budget, "job \(job.name)",
        "it \(figures.exact ? "costs" : "may cost") \(cost.dollars), more than --max-cost \(maxCost.dollars)",
        remedy: "take fewer rows or another model (--compare), or raise --max-cost")
    }
  }
}

extension VectorStorage {
  fileprivate init(_ database: Database) {
    let type = database.shapes.first?.vectorType.uppercased() ?? ""
    if database.store.identity.hasPrefix("sqlite") {
      self = type.hasPrefix("BLOB") ? .blob : .json
    } else {
      self = type.hasPrefix("HALFVEC") ? .halfvec : .vector
    }
  }
}
