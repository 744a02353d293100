import Backfill

/// A source's table as it was found. What could not be looked at is nil or empty.
package struct TableSurvey: Sendable {
  package enum Kind: Sendable {
    case missing, table, partitioned
    /// A view, a foreign table, a virtual table.
    case other
  }

  /// A column, with the rights that the role has on it.
  package struct Column: Equatable, Sendable {
    package var name: String
    /// Its type as declared, e.g. "vector(1536)".
    package var type: String
    package var canRead = true
    package var canWrite = true

    package init(name: String, type: String, canRead: Bool = true, canWrite: Bool = true) {
      self.name = name
      self.type = type
      self.canRead = canRead
      self.canWrite = canWrite
    }
  }

  /// An index that answers searches.
  package struct VectorIndex: Equatable, Sendable {
    package var name: String
    /// "hnsw" or "ivfflat".
    package var method: String
    /// E.g. "vector_cosine_ops".
    package var operatorClass: String
    package var isValid: Bool
    /// Whether it is on the column that the job fills.
    package var isOnColumn: Bool

    package init(name: String, method: String, operatorClass: String, isValid: Bool = true, isOnColumn: Bool = true) {
      self.name = name
      self.method = method
      self.operatorClass = operatorClass
      self.isValid = isValid
      self.isOnColumn = isOnColumn
    }
  }

  /// The table in which the database records what a column's vectors are made of.
  package struct Record: Sendable {
    /// What is recorded of the column; nil where nothing is.
    package var fingerprint: Fingerprint?
    /// Whether a run may record there what it fills.
    package var isWritable = true
    /// What speaks against it, a sentence each.
    package var warnings: [String] = []

    package init(fingerprint: Fingerprint? = nil, isWritable: Bool = true, warnings: [String] = []) {
      self.fingerprint = fingerprint
      self.isWritable = isWritable
      self.warnings = warnings
    }
  }

  /// Which rights an `ALTER TABLE` or a `CREATE INDEX` has.
  package struct Ownership: Equatable, Sendable {
    package var owner: String
    /// Whether the role that asks may act for the owner.
    package var isOwn: Bool

    package init(owner: String, isOwn: Bool) {
      self.owner = owner
      self.isOwn = isOwn
    }
  }

  /// The table of the pieces of texts that are cut, where it is there.
  package struct Pieces: Equatable, Sendable {
    package var isPartitioned: Bool
    package var ownership: Ownership

    package init(isPartitioned: Bool = false, ownership: Ownership) {
      self.isPartitioned = isPartitioned
      self.ownership = ownership
    }
  }

  package var kind: Kind
  /// Why a run would not begin to fill it, in the run's own words; nil where it would.
  package var refusal: Failure?
  /// The source with the names that the table itself has.
  package var named: Source?
  /// How many rows it has, roughly.
  package var rows: Int?
  /// The key by which it is paged, e.g. "id"; nil where there is none.
  package var key: String?
  /// Why it has no key by which it could be paged.
  package var keyRefusal: Failure?
  /// All of its columns that the job names and that are there. Where texts are cut, none is the vector's: that one is of the
  /// pieces, whatever column of that name this table has.
  package var columns: [Column] = []
  /// The form of the index that finds the rows without a vector; nil where there is none.
  package var missingRowsIndex: String?
  /// What speaks for making one; a sentence with the statement.
  package var missingRowsWarning: String?
  /// What speaks against how edited rows are told, a sentence each.
  package var editWarnings: [String] = []
  /// What a person should know of values that are no vectors.
  package var vectorWarning: String?
  package var vectorIndexes: [VectorIndex] = []
  /// The indexes that a load dropped and that are to be put back.
  package var indexesAway: [String] = []
  /// What an update fires, e.g. "trigger stamp; rule keep"; empty where nothing is.
  package var hooks = ""
  /// Whether row-level security is on; nil where there is no such thing.
  package var hasRowSecurity: Bool?
  /// Whether row-level security hides rows from the role.
  package var hidesRows = false
  /// The publications that its updates go to.
  package var publications: [String] = []
  /// Those that send each new column to their subscribers.
  package var publicationsOfAllColumns: [String] = []
  /// Why they keep every update from being made.
  package var publishingRefusal: Failure?
  package var ownership: Ownership?
  /// Where the vectors of a source are whose texts are cut; nil where that table is missing, and for all other sources.
  package var pieces: Pieces?
  package var record: Record?
  /// Why the record could not be read.
  package var recordRefusal: Failure?
  /// Which column it is; nil where the database has no name for itself yet.
  package var identity: ColumnIdentity?
  /// Who fills it now, in another process of any machine; nil where nobody is known to.
  package var lockHolder: String?
  /// Whether the column has vectors; nil where none was found in the time that a look may take.
  package var hasVectors: Bool?

  package init(_ kind: Kind) {
    self.kind = kind
  }

  /// What is to hold the vectors and isn't there, as a person writes it: the column, or the table of the pieces.
  package func missingPlace(of source: Source) -> String? {
    guard source.chunks != nil else { return column(source.vector) == nil ? source.column : nil }
    return pieces == nil ? source.home.name : nil
  }

  package func column(_ name: String) -> Column? { columns.first { $0.name == name } }
}
