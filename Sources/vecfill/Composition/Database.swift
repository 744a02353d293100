import Backfill
import Configuration
import Foundation
import Ledger
import Logging
import MessageStores
import Postgres

/// The job's database, open and found to fit the job.
struct Database: Sendable {
  let store: any MessageStore
  let shapes: [SourceShape]
  /// What a person should know of the address.
  let warnings: [String]

  /// Connects, checks every source before anything else is done, runs `body`, and closes, however that ended.
  ///
  /// - Parameter shard: the shard of the job that the process says it works on; nil for all.
  static func with<Value: Sendable>(
    _ configuration: JobConfiguration, _ job: Job, for access: StoreAccess,
    maxOutage: Duration? = nil, shard: Int? = nil, _ body: (Database) async throws -> Value
  ) async throws -> Value {
    let url = try DatabaseURL(configuration.databaseURL().reveal())
    let name = "vecfill \(Host.process)" + (shard.map { " shard \($0)" } ?? "")
    let store = try await url.openMessageStore(
      applicationName: name, for: access, writers: job.writers, maxOutage: maxOutage, model: job.model.name)
    do {
      var shapes: [SourceShape] = []
      for source in job.sources {
        shapes.append(try await store.inspect(source, dimensions: job.model.dimensions, for: access))
      }
      let value = try await body(Database(store: store, shapes: shapes, warnings: url.warnings))
      await store.close()
      return value
    } catch {
      await store.close()
      throw error
    }
  }

  /// Whether the blank rows of each source are counted.
  var countsBlank: Bool { shapes.allSatisfy(\.countsBlank) }

  /// Takes the locks on every source, in the database and among this user's processes here, and returns them with what
  /// the database says of the columns.
  ///
  /// Throws a `Failure` with `.locked` that names the holder, or with `.configuration` where two sources are one column, or
  /// where rows of one are rows of a table that holds other vectors.
  func claim(_ job: Job, in folder: String) async throws -> (claims: [ColumnClaim], locks: [RunLock]) {
    let holder = RunLock.Holder(pid: getpid(), host: Host.name, since: Date())
    var claims: [ColumnClaim] = []
    var locks: [RunLock] = []
    for source in job.sources {
      let known = try await store.column(of: source)
      if let known, let other = claims.firstIndex(where: { $0.column == known }) {
        throw Failure(
          .configuration, source.name,
          "the job fills its column \(source.vector) twice, also as \(job.sources[other].name)",
          remedy: "leave one of both out")
      }
      // Before the claim, since it knows the holder's name in any database.
      if let known { locks.append(try RunLock(on: known, source.name, in: folder, holder: holder)) }
      let claim = try await store.claim(source)
      try refuseOthers(of: claim, source, job.fingerprint(of: try await store.named(source)))
      if known == nil { locks.append(try RunLock(on: claim.column, source.name, in: folder, holder: holder)) }
      claims.append(claim)
    }
    return (claims, locks)
  }

  private func refuseOthers(of claim: ColumnClaim, _ source: Source, _ made: Fingerprint) throws(Failure) {
    for (table, held) in claim.relatives.sorted(by: { $0.key < $1.key })
    where !held.admits(made) && !made.admits(held) {
      throw Failure(
        .configuration, source.column,
        "the database says that \(table), with which it shares rows, holds vectors of [\(held.differing(from: made))], "
          + "and the job makes [\(made.differing(from: held))]",
        remedy: "set the job back to the former, fill another column (docs/changing-a-job.md), or if those vectors "
          + "have been replaced, `vecfill ledger forget \(table).\(source.vector)`")
    }
  }

  func countRemaining(_ job: Job) async throws -> Int {
    var count = 0
    for source in job.sources { count += try await store.countRemaining(in: source) }
    return count
  }

  func warn(_ logger: Logger) {
    for warning in Set(warnings + shapes.flatMap(\.warnings)).sorted() { logger.warning("\(warning)") }
  }
}

/// The machine's name, as locks and connections show it.
enum Host {
  static var name: String {
    var bytes = [CChar](repeating: 0, count: 256)
    guard gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
    return String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// This process among those of all hosts, e.g. "worker-1 pid 812".
  static var process: String { "\(name) pid \(getpid())" }
}
