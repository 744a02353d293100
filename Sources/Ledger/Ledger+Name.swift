import GRDB

extension Ledger {
  /// By what name other ledgers' processes know this one: random, and the same for as long as the ledger is there.
  package var name: String {
    get async throws {
      try await read { db in
        guard let name = try String.fetchOne(db, sql: "SELECT name FROM ledger_name") else {
          throw LedgerDamage(place: "ledger_name")
        }
        return name
      }
    }
  }
}
