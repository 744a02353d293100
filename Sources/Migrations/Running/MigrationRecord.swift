import Backfill

/// A migration as the database has recorded it.
package struct MigrationRecord: Hashable, Sendable {
  package enum State: String, Sendable {
    /// The intent of a statement that can't be transactional was written; whether it was done, the catalogue says.
    case started
    case applied
    /// The same on the way back.
    case reverting
  }

  /// The label of the folder or the job whose it is.
  package var folder: String
  package var version: Int
  package var name: String
  package var checksum: String
  package var state: State
  /// One a statement of the up script, in its order.
  package var outcomes: [Outcome]
  /// When it came to its state, as the database's clock says; nil for one that isn't written yet.
  package var changedAt: String?

  /// The columns that each version's table of records has.
  static let columns = ["version", "name", "checksum", "state", "outcomes", "changed_at"]

  /// That something else has the name of the table of records.
  static func foreign(_ name: String) -> Failure {
    Failure(
      .configuration, name, "it is there and not vecfill's, which keeps its records of migrations under that name",
      remedy: "rename it")
  }

  package init(
    _ migration: Migration, of folder: String = MigrationSet.shippedLabel, state: State, outcomes: [Outcome]
  ) {
    self.init(
      folder: folder, version: migration.version, name: migration.name, checksum: migration.checksum, state: state,
      outcomes: outcomes)
  }

  package init(
    folder: String, version: Int, name: String, checksum: String, state: State, outcomes: [Outcome],
    changedAt: String? = nil
  ) {
    self.folder = folder
    self.version = version
    self.name = name
    self.checksum = checksum
    self.state = state
    self.outcomes = outcomes
    self.changedAt = changedAt
  }

  /// The outcomes as they are stored.
  package var outcomeList: String { outcomes.map(\.rawValue).joined(separator: ",") }

  package static func outcomes(parsing list: String) -> [Outcome] {
    list.split(separator: ",").compactMap { Outcome(rawValue: String($0)) }
  }
}

extension MigrationRecord: CustomStringConvertible {
  package var description: String { "\(Migration.digits(version))_\(name)" }
}
