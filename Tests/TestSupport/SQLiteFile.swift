import Foundation
import GRDB

/// A SQLite file of a test's own, in a folder that goes with it; reached here past all code under test.
package final class SQLiteFile: Sendable {
  package let path: String
  private let queue: DatabaseQueue

  package init() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("vecfill-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.appendingPathComponent("messages.db").path
    var configuration = Configuration()
    configuration.busyMode = .timeout(10)
    // As SQLite's own default.
    configuration.acceptsDoubleQuotedStringLiterals = true
    // A test may hold a transaction from one script to the next.
    configuration.allowsUnsafeTransactions = true
    configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = OFF") }
    queue = try DatabaseQueue(path: path, configuration: configuration)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: (path as NSString).deletingLastPathComponent)
  }

  package var url: String { "sqlite:///\(path)" }

  /// Runs a script, and returns the last statement's rows; a blob comes as upper-case hexadecimal.
  @discardableResult
  package func run(_ script: String) async throws -> [[String?]] {
    try await queue.writeWithoutTransaction { database in
      var rows: [[String?]] = []
      let statements = try database.allStatements(sql: script)
      while let statement = try statements.next() {
        rows = try Row.fetchAll(statement).map(Self.values)
      }
      return rows
    }
  }

  /// The rows of a query on a file that the code under test made.
  package static func rows(of query: String, at path: String) async throws -> [[String?]] {
    try await DatabaseQueue.patient(path).read { try Row.fetchAll($0, sql: query).map(values) }
  }

  private static func values(_ row: Row) -> [String?] {
    row.databaseValues.map { value in
      switch value.storage {
      case .null: nil
      case .int64(let integer): String(integer)
      case .double(let double): String(double)
      case .string(let text): text
      case .blob(let data): data.map { String(format: "%02X", $0) }.joined()
      }
    }
  }
}
