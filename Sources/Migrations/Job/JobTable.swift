import Backfill
import PgVector

/// A source's table as the database has it: what decides which migrations the source needs.
package struct JobTable: Equatable, Sendable {
  /// The vector column's type with its schema, as SQL; nil where there is no such column.
  package var columnType: String?
  package var vectorType = VectorType.vector
  /// nil where the column takes any.
  package var declaredDimensions: Int?
  /// Whether the column itself declares them, as a domain doesn't.
  package var isDeclared = true
  /// Whether the column takes no NULL, as far as its declaration shows.
  package var needsVector = false
  /// A table whose index finds the rows that lack a vector, and which of them it holds.
  package struct Indexed: Equatable, Sendable {
    package var name: SQLName
    package var index = MissingRowsIndex.all
  }

  /// Itself, or the leaves of a partitioned one, each of which can be indexed concurrently while the whole can't.
  package var indexed: [Indexed]
  package var isPartitioned = false
  /// The schema that it is in; nil in SQLite.
  package var schema: String?
  /// Itself and the tables that inherit from it, each of which needs a trigger of its own. A partitioned one passes its
  /// triggers on.
  package var triggered: [SQLName]
  /// The columns by which one of its rows is found in SQLite: the row's number, or the primary key of a table without one.
  package var rowColumns: [String] = []
  /// Whether the key is SQLite's own number of a row, which no column holds and no index can have.
  package var isPagedByRowNumber = false
  /// The publications that send each new column of it to their subscribers.
  package var publications: [String] = []
  /// Whether it is a partition of another table, which gets no column of its own.
  package var isPartition = false
  /// The type of the column of digests; nil where there is none.
  package var digestType: String?
  /// Whether it is a STRICT table of SQLite's, whose columns take SQLite's own types alone.
  package var isStrict = false
  /// The columns that are computed from others, whose new values a trigger before the update can't see.
  package var generated: [String] = []
  /// Why a trigger can't compute the text, which is an SQL expression; nil where it can.
  package var unwatchable: String?
  /// The names of vecfill's own that are there, with their schemas, and whether each is of the source's vector column.
  package var names: [SQLName: Bool] = [:]
  /// Whether there is a table of digests that may be of this column, or of another whose name makes the same words.
  package var digestsAreUnclaimed = false
  /// Triggers of `triggered` that run the function of another table's.
  package var misled: [SQLName: [String]] = [:]
  /// Triggers of `triggered` that watch edits for the column under a name that its table had before.
  package var former: [SQLName: [String]] = [:]
  /// The vector indexes on the column.
  package var vectorIndexes: [String] = []
  /// The key by which a run pages it, in the order of its index.
  package var keys: [String]
  /// The types of the key, with their schemas, as SQL; none in SQLite.
  package var keyTypes: [String] = []
  /// The columns of the text whose form depends on the session's time zone.
  package var zonedTexts: Set<String> = []
  /// nil where the database has none.
  package var pgvector: PgVector?

  init(indexed: [SQLName], keys: [String]) {
    self.keys = keys
    self.indexed = indexed.map { Indexed(name: $0) }
    triggered = indexed
  }

  static func refusal(_ source: Source, _ reason: String, _ remedy: String) -> Failure {
    Failure(.configuration, source.name, reason, remedy: remedy)
  }

  static func noTable(_ source: Source) -> Failure {
    refusal(
      source, "there is no such table",
      "the application makes its tables; check the job's names, the search path and DATABASE_URL")
  }

  static func noColumn(_ name: String, _ source: Source) -> Failure {
    let reads = source.view != nil && source.text.columns?.contains(name) == true
    return Failure(
      .configuration, reads ? source.reading.description : source.name, "it has no column \(name)",
      remedy: "check the job's names")
  }
}
