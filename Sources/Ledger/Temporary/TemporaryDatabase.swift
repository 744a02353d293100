import Backfill
import GRDB

/// A SQLite database for one process alone: it keeps up to 32 MiB in memory and the rest in a file without a name, which
/// is gone with the process however that dies.
struct TemporaryDatabase: Sendable {
  private let queue: DatabaseQueue

  /// Opens it and makes its tables by `schema`.
  ///
  /// Throws a `Failure` with `.localIO` where there is no place for it.
  init(_ schema: String) throws {
    var configuration = Configuration()
    configuration.label = "vecfill.temporary"
    configuration.prepareDatabase { db in
      // Nothing of it has to outlive a crash.
      try db.execute(
        sql:
          "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -32768; PRAGMA locking_mode = EXCLUSIVE"
      )
    }
    do {
      // SQLite's name for a private file of its own.
      queue = try DatabaseQueue(path: "", configuration: configuration)
      try queue.write { try $0.execute(sql: schema) }
    } catch let error as DatabaseError {
      throw Self.failure(error)
    }
  }

  func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    try await handedOver { handover in
      queue.asyncWrite(body) { _, result in
        handover.resume(with: result.mapError { error in (error as? DatabaseError).map(Self.failure) ?? error })
      }
    }
  }

  private static func failure(_ error: DatabaseError) -> Failure {
    Failure(
      .localIO, "temporary file",
      "SQLite can't write it: \(error.message ?? "error") (error \(error.extendedResultCode.rawValue))",
      remedy: "free some space, or name a folder with space in SQLITE_TMPDIR")
  }
}
