import Backfill
import Postgres

extension DatabaseURL {
  /// Opens the store that the URL names; `applicationName` is what the server and other runs see of this one.
  ///
  /// Up to `writers` writes go on side by side, where the database can do that.
  /// `model` is what the vectors are of that it writes.
  /// A database that goes away while it is used is waited for up to `maxOutage`, or about 40 s where there is none.
  ///
  /// Throws a `Failure` where the database can't be reached, refuses the connection or does not exist.
  package func openMessageStore(
    applicationName: String, for access: StoreAccess = .filling, writers: Int = 1,
    maxOutage: Duration? = nil, model: String? = nil
  ) async throws -> any MessageStore {
    switch engine {
    case .postgres:
      try await PostgresMessageStore(
        url: self, applicationName: applicationName, writers: writers, patience: PostgresPatience(limit: maxOutage),
        model: model)
    case .sqlite: try await SQLiteMessageStore(url: self, for: access)
    }
  }
}
