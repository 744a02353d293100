import Backfill
import Foundation
import GRDB

/// Opens a SQLite file that another application may have open; its journal mode and settings are left as they are.
enum SQLiteOpening {
  /// Throws a `Failure` where the file is missing, is no database, or can't be opened or written.
  static func open(_ path: String, for access: StoreAccess, patience: SQLitePatience) async throws -> DatabaseQueue {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw Failure(.configuration, path, "there is no such file", remedy: remedy(missing: path))
    }
    guard !isFolder.boolValue else {
      throw Failure(.configuration, path, "is a folder, not a file", remedy: "name the file in DATABASE_URL")
    }
    guard access != .filling || FileManager.default.isWritableFile(atPath: path) else {
      throw Failure(.denied, path, "the file can't be written", remedy: "give this user the right to write it")
    }
    let isCancelled = Locked(false)
    let configuration = configuration(of: path, for: access, patience: patience) {
      Task.isCancelled || isCancelled.withLock { $0 }
    }
    do {
      return try await withTaskCancellationHandler {
        try await handedOver { handover in
          // It may wait for a lock, which no thread of the cooperative pool should.
          DispatchQueue.global().async {
            handover.resume(with: Result { try DatabaseQueue(path: path, configuration: configuration) })
          }
        }
      } onCancel: {
        isCancelled.withLock { $0 = true }
      }
    } catch let error as DatabaseError {
      if Task.isCancelled { throw CancellationError() }
      throw error.failure(path, patience: patience)
    }
  }

  private static func remedy(missing path: String) -> String {
    let remedy = "check the path in DATABASE_URL"
    if path.hasPrefix("~") {
      return "\(remedy); a URL's ~ is no home folder: sqlite:///\((path as NSString).expandingTildeInPath)"
    }
    let isWhole = path.hasPrefix("/") || path.dropFirst().hasPrefix(":")
    return isWhole ? remedy : "\(remedy); an absolute one has four slashes: sqlite:////\(path)"
  }

  private static let cacheKilobytes = 8_192

  private static func configuration(
    of path: String, for access: StoreAccess, patience: SQLitePatience, isCancelled: @escaping @Sendable () -> Bool
  ) -> GRDB.Configuration {
    var configuration = GRDB.Configuration()
    configuration.readonly = access != .filling && !isUnopenedWAL(path)
    configuration.busyMode = .callback { patience.waits(tries: $0, isCancelled: isCancelled) }
    configuration.foreignKeysEnabled = false
    // As SQLite's own default: the file's triggers and views may rely on it.
    configuration.acceptsDoubleQuotedStringLiterals = true
    configuration.prepareDatabase { database in
      // A write of many rows has more pages than SQLite's two megabytes: without room, it syncs the journal in its midst.
      if access == .filling { try database.execute(sql: "PRAGMA cache_size = -\(cacheKilobytes)") }
      database.add(
        function: DatabaseFunction(SQLiteTable.digestFunction, argumentCount: 1, pure: true) { arguments in
          guard let text = Data.fromDatabaseValue(arguments[0]) else { return nil }
          return Data(text.withUnsafeBytes { TextDigest(ofUTF8: $0).bytes })
        })
    }
    return configuration
  }

  /// Whether the file's journal is a write-ahead log and nobody has it open.
  ///
  /// A connection that can only read makes the log's two files and can't remove them; one that could write does so when
  /// it is closed. A log that is there already is left to whoever made it.
  private static func isUnopenedWAL(_ path: String) -> Bool {
    guard !FileManager.default.fileExists(atPath: path + "-wal"),
      FileManager.default.isWritableFile(atPath: path), let file = FileHandle(forReadingAtPath: path)
    else { return false }
    // Bytes 18 and 19 of the header are the file format's versions, 2 for a write-ahead log. A header that can't be
    // read is for SQLite to judge.
    let header = (try? file.read(upToCount: 20)) ?? Data()
    return header.count == 20 && header[18] == 2 && header[19] == 2
  }
}
