import Backfill
import Configuration
import Foundation
import MessageStores
import Migrations
import Postgres

/// What a run does with the vector indexes of its columns, before the load and after it.
///
/// It connects anew each time: hours may lie between.
struct IndexUpkeep: Sendable {
  private let job: Job
  private let database: DatabaseURL
  private let direct: DatabaseURL
  private let narrator: Narrator

  init(_ job: Job, _ configuration: JobConfiguration, _ narrator: Narrator) throws {
    self.job = job
    self.narrator = narrator
    database = try DatabaseURL(configuration.databaseURL().reveal())
    direct = try DatabaseURL(configuration.migrationDatabaseURL().reveal())
  }

  /// Returns the names of the indexes that are away during the load.
  func begin() async throws -> [String] {
    if case .sqlite = database.engine, job.indexPolicy != .keep {
      narrator.tell("SQLite has no vector index: index.when \(job.indexPolicy) does nothing here")
    }
    return try await connected { life in
      for source in job.sources { try await life.check(job.indexPolicy, source) }
      return try await names { try await life.begin(job.indexPolicy, $0, dimensions: job.model.dimensions) }
    }
  }

  /// Returns the names of the indexes that were built.
  func finish() async throws -> [String] {
    try await connected { life in
      try await names { try await life.finish(job.indexPolicy, $0, dimensions: job.model.dimensions) }
    }
  }

  /// Returns the names of the indexes that are still to be built.
  func away() async throws -> [String] {
    try await connected { life in try await names { try await life.away($0) } }
  }

  private func names(_ body: (Source) async throws -> [String]) async throws -> [String] {
    var names: [String] = []
    for source in job.sources { names += try await body(source) }
    return names
  }

  private func connected(_ body: (IndexLife) async throws -> [String]) async throws -> [String] {
    guard case .postgres = database.engine else { return [] }
    narrator.show("looking at the vector indexes")
    defer { narrator.show("") }
    let life = try await IndexLife.connect(
      to: direct, of: database, applicationName: "vecfill \(Host.name) pid \(getpid()) indexes", narrator: narrator)
    do {
      let names = try await body(life)
      await life.close()
      return names
    } catch {
      await life.close()
      throw error
    }
  }
}
