import Backfill
import Configuration
import Foundation
import Migrations
import Postgres

/// What a run does with the vector indexes of the tables that it fills, before the load and after it.
///
/// It reconnects each time: hours may lie between.
struct IndexUpkeep: Sendable {
  private let job: Job
  private let database: DatabaseURL
  private let direct: DatabaseURL
  private let narrator: Narrator
  private let mayBeAway: Bool

  /// `mayBeAway` says whether an index of the job's tables is away or may be, as `TableIndexes` of each has it: with
  /// `index: {when: keep}` and none away there is nothing to do, and no connection is made.
  init(_ job: Job, _ configuration: JobConfiguration, _ narrator: Narrator, mayBeAway: Bool = true) throws {
    self.job = job
    self.narrator = narrator
    self.mayBeAway = mayBeAway
    database = try DatabaseURL(configuration.databaseURL().reveal())
    direct = try DatabaseURL(configuration.migrationDatabaseURL().reveal())
  }

  /// Whether there is anything to do or to look at.
  var hasWork: Bool {
    if case .sqlite = database.engine { return false }
    return job.indexPolicy != .keep || mayBeAway
  }

  /// Throws a `Failure` where what the job asks for is not possible. To be called before anything is paid; it drops
  /// nothing.
  func check() async throws {
    if case .sqlite = database.engine, job.indexPolicy != .keep {
      narrator.tell("SQLite has no vector index: index.when \(job.indexPolicy) does nothing here")
    }
    guard job.indexPolicy != .keep else { return }
    _ = try await connected { life in
      for source in job.sources.map(\.home) { try await life.check(job.indexPolicy, source) }
      return []
    }
  }

  /// Drops what the job wants dropped during the load; returns the names of the indexes that are away then. To be called
  /// once the provider has answered and the columns are claimed, before the first write.
  func begin() async throws -> [String] {
    try await connected { life in
      for source in job.sources.map(\.home) { try await life.check(job.indexPolicy, source) }
      return try await names { try await life.begin(job.indexPolicy, $0, dimensions: job.model.dimensions) }
    }
  }

  /// After a load that completed: puts back what is away, and builds what the job wants built; returns the names.
  func finish() async throws -> [String] {
    try await connected { life in
      try await names { try await life.finish(job.indexPolicy, $0, dimensions: job.model.dimensions) }
    }
  }

  /// After a load that no rerun brings further: puts back what is away; returns the names.
  func putBack() async throws -> [String] {
    try await connected { life in try await names { try await life.putBack($0) } }
  }

  /// Returns the names of the indexes that are still to be built.
  func away() async throws -> [String] {
    try await connected { life in try await names { try await life.away($0) } }
  }

  /// Where indexes are kept: says what both ways take where a rebuild would save a minute or more. It asks no database.
  ///
  /// - Parameters:
  ///   - missing: the rows of `source` that lack a vector.
  ///   - total: the rows that the indexes hold after the load.
  ///   - indexes: the names of the table's vector indexes.
  func adviseOnKept(_ source: Source, missing: Int, total: Int, indexes: [String]) {
    guard job.indexPolicy == .keep, missing > 0, !indexes.isEmpty else { return }
    let estimate = IndexEstimate(
      missing: missing, total: max(missing, total), dimensions: job.model.dimensions, indexes: indexes.count)
    guard estimate.isWorthAdvice else { return }
    narrator.warn(estimate.advice(source.name, missing: missing, indexes: indexes))
  }

  private func names(_ body: (Source) async throws -> [String]) async throws -> [String] {
    var names: [String] = []
    // Sources of one table share its indexes.
    for source in job.sources.map(\.home) {
      for name in try await body(source) where !names.contains(name) { names.append(name) }
    }
    return names
  }

  private func connected(_ body: (IndexLife) async throws -> [String]) async throws -> [String] {
    guard hasWork else { return [] }
    narrator.show("looking at the vector indexes")
    defer { narrator.show("") }
    return try await IndexLife.with(
      direct, of: database, applicationName: "vecfill \(Host.process) indexes", narrator: narrator, body)
  }
}
