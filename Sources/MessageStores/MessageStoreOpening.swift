import Backfill
import Postgres

extension DatabaseURL {
  /// Opens the store that the URL names; `applicationName` is what the server and other runs see of this one.
  ///
  /// A database that goes away while it is used is waited for up to `maxOutage`, or about 40 s where there is none.
  ///
  /// Throws a `Failure` where the database can't be reached, refuses the connection or does not exist.
  package func openMessageStore(
    applicationName: String, for access: StoreAccess = .filling, maxOutage: Duration? = nil
  ) async throws -> any MessageStore {
    switch engine {
    case .postgres:
      try await PostgresMessageStore(
        url: self, applicationName: applicationName, patience: PostgresPatience(limit: maxOutage))
    case .sqlite: try await SQLiteMessageStore(url: self, for: access)
    }
  }
}
