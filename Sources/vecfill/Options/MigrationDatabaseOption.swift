import ArgumentParser
import Configuration
import Foundation
import MessageStores
import Migrations
import Postgres

/// Where the database is that is migrated, past any pooler.
struct MigrationDatabaseOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The database's direct address, not a pooler's, without a password (default: VECFILL_MIGRATION_DATABASE_URL, else DATABASE_URL).",
      valueName: "url"))
  var migrationDatabaseURL: String?

  func configuration(spec: String? = nil) throws -> JobConfiguration {
    try JobConfiguration(spec: spec, flags: [.migrationDatabaseURL: migrationDatabaseURL].compactMapValues(\.self))
  }

  /// Where the database is; `configuration` is the job's, where there is one.
  func url(_ configuration: JobConfiguration? = nil) throws -> DatabaseURL {
    try DatabaseURL((configuration ?? self.configuration()).migrationDatabaseURL().reveal())
  }

  var applicationName: String { "vecfill migrate \(Host.process)" }
}
