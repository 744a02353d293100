import Backfill
import Foundation

@testable import Migrations

/// A migration's file, whose first line is its name.
enum MigrationCheck {
  static func file(_ bytes: [UInt8]) throws {
    let text = String(decoding: bytes, as: UTF8.self)
    // No file's name has a NUL.
    let name = String(text.prefix { !$0.isNewline && $0 != "\0" })
    try failure { _ = try MigrationFileName(parsing: name) }
    guard SQLOutline(of: text).description.count <= 120 else { throw Broken("an outline without end") }
    for dialect in [Dialect.postgres, .sqlite] {
      try failure {
        let script = try MigrationScript(text, file: "0001_one.up.sql", dialect: dialect)
        for statement in script.statements { try check(statement, dialect) }
        let migration = Migration(version: 1, name: "one", up: script, down: nil)
        guard migration.checksum.utf8.count == 64 else { throw Broken("a checksum that is none") }
      }
    }
  }

  /// Checks that a statement alone is the same statement.
  private static func check(_ statement: SQLStatement, _ dialect: Dialect) throws {
    let again = try? SQLStatement.split(statement.text, dialect, in: "again")
    guard again?.count == 1, again?.first?.tokens.map(\.text) == statement.tokens.map(\.text) else {
      throw Broken("not one statement: \(statement.text.debugDescription)")
    }
    _ = SchemaChange(statement)
  }

  private static func failure(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let failure as Failure {
      try Canary.checkLine(failure.description)
    }
  }
}
