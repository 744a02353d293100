import Backfill
import Configuration
import Foundation
import Migrations
import Postgres

/// A job whose columns are changed to another model, with what its database says of that.
struct ReembedTask: Sendable {
  let spec: String
  let flags: [Parameter: String]
  /// As the spec says, without a change.
  let job: Job
  private let database: DatabaseURL
  private let direct: DatabaseURL

  /// Throws a `Failure` with `.configuration` on SQLite, which has no server to switch under an application's feet.
  init(spec: String, flags: [Parameter: String]) throws {
    self.spec = spec
    self.flags = flags
    var own = flags
    for parameter in [Parameter.model, .dimensions, .provider, .baseURL] { own[parameter] = nil }
    let configuration = try JobConfiguration(spec: spec, flags: own)
    job = try configuration.job()
    for source in job.sources { try source.checkNotCut(for: "reembed") }
    database = try DatabaseURL(configuration.databaseURL().reveal())
    direct = try DatabaseURL(configuration.migrationDatabaseURL().reveal())
    if case .sqlite = database.engine {
      throw Failure(
        .configuration, "reembed", "it changes columns in PostgreSQL only",
        remedy:
          "on SQLite fill a second column by a second job, then rename both in one transaction (docs/change-the-model.md)"
      )
    }
  }

  /// Runs `body` on connections of its own, which are closed after it: hours may lie between two of them.
  func connected<Value>(_ body: (Reembedder) async throws -> Value) async throws -> Value {
    try await Reembedder.with(
      direct, of: database, applicationName: "vecfill \(Host.process) reembed", narrator: .console, body)
  }

  /// The sources whose columns are being changed, and how far each is.
  func parts() async throws -> [Reembedder.Part] {
    try await connected { try await parts($0) }
  }

  func parts(_ reembedder: Reembedder) async throws -> [Reembedder.Part] {
    var parts: [Reembedder.Part] = []
    for source in job.sources {
      if let reembedding = try await reembedder.read(source) { parts.append((source, reembedding)) }
    }
    return parts
  }

  /// The job's settings with the new model in place of the former.
  func configuration(for target: Reembedding.Target) throws -> JobConfiguration {
    var flags = flags
    flags[.model] = target.model
    flags[.dimensions] = String(target.dimensions)
    if let provider = target.provider { flags[.provider] = provider }
    return try JobConfiguration(spec: spec, flags: flags)
  }

  /// What `--to` and `--dimensions` name; throws a `Failure` where the model's dimensions are not known.
  func target(_ model: String) throws -> Reembedding.Target {
    let provider = flags[.provider]
    if let text = flags[.dimensions] {
      guard let dimensions = Int(text) else {
        throw Failure(.configuration, "--dimensions", "dimensions must be a whole number, not \(text)")
      }
      return .init(provider: provider, model: model, dimensions: dimensions)
    }
    var flags = flags
    flags[.model] = model
    let configuration = try JobConfiguration(spec: spec, flags: flags)
    guard let dimensions = configuration.catalogueModel?.dimensions?.standard else {
      let likely = configuration.likelyModel.map { "did you mean \($0)? Else " } ?? ""
      throw Failure(
        .configuration, "--to \(model)", "the catalogue doesn't know its dimensions",
        remedy: "\(likely)give them with --dimensions")
    }
    return .init(provider: provider, model: model, dimensions: dimensions)
  }

  /// The job that fills the columns of the new model, wherever they are now.
  func filling(_ parts: [Reembedder.Part], _ configuration: JobConfiguration) throws -> Job {
    var job = try configuration.job()
    job.name += ":reembed"
    job.sources = parts.map { part in
      var source = part.source
      source.vector = part.reembedding.newColumn
      // The triggers of the change see to edits. Digests in a column are those of the vectors that are read.
      if !source.keepsDigestsApart, source.vector != part.source.vector { source.edits = .ignore }
      // What was written last is searched first.
      source.order = .newest
      source.newestBy = nil
      return source
    }
    // The index of the new column is a step of its own.
    if job.indexPolicy == .after { job.indexPolicy = .keep }
    return job
  }

  /// How to call the same again.
  var again: String { "`vecfill reembed \(spec)`" }
}
