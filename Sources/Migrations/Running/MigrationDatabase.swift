import Backfill

/// A database that migrations are run on. Its errors are `Failure`s.
package protocol MigrationDatabase: Sendable {
  var dialect: Dialect { get }
  /// Which database this is, without a secret.
  var identity: String { get }

  /// What was applied of every folder and job, in the order of the versions; none where no migration ever ran.
  func records() async throws -> [MigrationRecord]

  /// What was done, the oldest first.
  func history() async throws -> [HistoryEntry]

  /// How `change` stands; it changes nothing.
  func presence(of change: SchemaChange) async throws -> Presence

  /// How far a column is filled; nil where the table or the column doesn't exist.
  func load(of column: MigrationScript.LoadedColumn) async throws -> Load?

  /// Whether a table has rows to be filled whose column is yet to be made; false where it doesn't exist.
  func hasRows(toFill column: MigrationScript.LoadedColumn) async throws -> Bool

  /// The columns of a table that hold vectors by their type; none where there is no such table.
  func vectorColumns(of table: SQLName) async throws -> [String]

  /// Keeps runs from filling `columns` until this is closed; those that don't exist are passed over.
  ///
  /// Throws a `Failure` with `.locked` where somebody fills one of them.
  func claim(_ columns: [DroppedColumn]) async throws

  /// A source's table as the database has it; throws a `Failure` with `.configuration` where it can't be filled.
  func table(of source: Source) async throws -> JobTable

  /// Indexes that a load dropped and that aren't back, a sentence each.
  func droppedIndexes() async throws -> [String]

  /// What a person should know before `script` runs, and a `Failure` for what would make it fail.
  func check(_ script: MigrationScript) async throws -> [String]

  /// Runs `body` while no other process migrates this database.
  ///
  /// Throws a `Failure` with `.locked` that names the holder once `patience` has passed.
  func exclusively<Value: Sendable>(
    patience: Duration, _ body: @Sendable () async throws -> Value
  ) async throws -> Value

  /// Does all that is to run and undoes it, where that shows what would stop it half-way.
  func rehearse(_ prepared: [PreparedMigration]) async throws

  /// Runs what is to run of `prepared` and records it: in one transaction where it is transactional, else with an intent
  /// recorded before. `before` is its record so far.
  func run(_ prepared: PreparedMigration, after before: MigrationRecord?) async throws

  /// Records without running.
  func record(_ record: MigrationRecord, as action: HistoryEntry.Action) async throws

  /// Forgets what is recorded of a version.
  func forget(_ record: MigrationRecord) async throws

  func close() async
}

extension MigrationDatabase {
  /// Runs `body` with the database, which is closed after it.
  package func closing<Value>(_ body: (Self) async throws -> Value) async throws -> Value {
    do {
      let value = try await body(self)
      await close()
      return value
    } catch {
      await close()
      throw error
    }
  }
}

/// A column that a way down drops.
package struct DroppedColumn: Hashable, Sendable {
  package let table: SQLName
  package let column: String
}

/// How far a column is filled.
package struct Load: Equatable, Sendable {
  /// Those that are to be filled, without blank ones and those that the job leaves out.
  package let rows: Int
  package var missing: Int

  /// At least 95 % of the rows have their vector: an index doesn't wait for rows that come in meanwhile.
  package var isDone: Bool { missing * 20 <= rows }
}

/// A line of the database's own history.
package struct HistoryEntry: Equatable, Sendable {
  package enum Action: String, Sendable {
    case up, down, stamp, forget
    /// Of earlier versions of vecfill.
    case repair
  }

  package let at: String
  /// The label of the folder or the job whose migration it was.
  package let folder: String
  package let version: Int
  package let name: String
  package let action: Action
  /// Who did it: the process and its host.
  package let by: String
}
