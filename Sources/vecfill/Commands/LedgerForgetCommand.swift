import ArgumentParser
import Backfill
import Configuration
import Foundation
import Ledger
import MessageStores
import Postgres

struct LedgerForgetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget", abstract: "Forget what is recorded of a column, so that a job can start with it again.",
    discussion: """
      Deletes the record of its model (here and in the database), how far it was read, its quarantine, and its share of \
      the budget. The vectors in the table stay: the next run compares a few of them with its own model before it writes. \
      `vecfill cost` still shows what was paid.

      Vectors that are paid and not yet written are lost, also those in the database (`spool: database`). If there are \
      any, give --yes.

      Example: `vecfill ledger forget chat_messages.embedding`
      """)

  @Argument(help: ArgumentHelp("The column, e.g. chat_messages.embedding.", valueName: "table.column"))
  var column: String
  @Flag(help: "Also if vectors that are paid for are lost.")
  var yes = false
  @OptionGroup var ledger: LedgerOption

  func validate() throws { _ = try source() }

  func run() async throws {
    let source = try source()
    let configuration = try JobConfiguration(flags: [.ledger: ledger.ledger].compactMapValues(\.self))
    let url = try DatabaseURL(configuration.databaseURL().reveal())
    let store = try await url.openMessageStore(applicationName: Self.applicationName)
    do {
      print(try await forget(source, in: store, url))
      await store.close()
    } catch {
      await store.close()
      throw error
    }
  }

  private static var applicationName: String { "vecfill ledger \(Host.process)" }

  private func forget(_ source: Source, in store: any MessageStore, _ url: DatabaseURL) async throws -> String {
    let path = try ledger.path()
    let known = try Ledger.openForReading(at: path) == nil ? nil : Ledger.open(at: path)
    let identity = try await store.column(of: source)
    let held = try await known?.held(of: identity, source) ?? Ledger.Forgotten()
    let waiting = try await url.spoolWaiting(for: [source], applicationName: Self.applicationName)
    // Both hold the same ones, unless the database has some of another ledger's.
    let unwritten = max(held.spooledRows, waiting.rows)
    if unwritten > 0, !yes {
      throw ValidationError(
        "\(unwritten.of("vector")) of \(column) \(unwritten == 1 ? "is" : "are") paid for and not written: run the job once "
          + "more to keep what is paid, or add --yes to pay again")
    }
    let isInDatabase = try await store.forget(source) != nil
    if waiting.replies > 0 { _ = try await url.dropSpool(of: source, applicationName: Self.applicationName) }
    _ = try await known?.forget(identity, source)
    guard isInDatabase || held.isKnown || waiting.replies > 0 else {
      let known = try await known?.columns() ?? []
      let nearest = Spelling.nearest(to: column, in: known).map { "did you mean \($0)? " } ?? ""
      // What was given may be anything, a password among it (P10).
      throw Failure(
        .usage, "ledger forget", "no column by that name is in the ledger \(path) or on record in the database",
        remedy: "\(nearest)the ledger has \(known.isEmpty ? "none" : known.joined(separator: ", "))")
    }
    var lines = ["\(column) is forgotten" + (isInDatabase ? "" : "; the database had no record of it")]
    if unwritten > 0 {
      lines.append(
        "\(unwritten.of("vector")) that \(unwritten == 1 ? "was paid for is" : "were paid for are") lost")
    }
    if held.quarantined > 0 {
      lines.append("\(held.quarantined.of("row")) \(held.quarantined == 1 ? "leaves" : "leave") the quarantine")
    }
    if held.spent > 0 { lines.append("\(held.spent.dollars) that it cost no longer counts against a budget") }
    return lines.joined(separator: "\n")
  }

  private func source() throws -> Source {
    let parts = column.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard (2...3).contains(parts.count), !parts.contains("") else {
      throw ValidationError("name the column as table.column or schema.table.column")
    }
    return Source(
      schema: parts.count == 3 ? parts[0] : nil, table: parts[parts.count - 2], vector: parts[parts.count - 1])
  }
}
