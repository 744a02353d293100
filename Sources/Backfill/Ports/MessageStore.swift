/// The database that holds the messages.
///
/// Every adapter passes the contract suite in `Tests/MessageStoresTests`. No call leaves a transaction open when it
/// returns (P9). All errors are `Failure`s that name the table or host and hold no text and no secret, except for a
/// `CancellationError` once the task was cancelled and what it did in the database was ended.
package protocol MessageStore: Sendable {
  /// Which database this is, stable over reconnects and without a secret, e.g. "postgresql://db:5432/verse".
  var identity: String { get }

  /// How many calls of `write` can do their work side by side; more wait for one another.
  var mostWriters: Int { get }

  /// Checks that `source` can be paged, and for `.filling` also filled, with vectors of `dimensions`; returns what it
  /// found.
  ///
  /// Throws a `Failure` with `.configuration` for a missing table, column, extension, a key that can't be paged or a
  /// column of another dimension, and `.denied` for a missing right.
  func inspect(_ source: Source, dimensions: Int, for access: StoreAccess) async throws -> SourceShape

  /// The last key of the table in the source's order, whether its row has a vector or not; nil where the table is empty.
  func lastKey(of source: Source) async throws -> RowKey?

  /// The rows in the request's range that lack a vector, or have one of an earlier text, as the request says, and meet the
  /// source's condition, in the source's order. A statement looks at a bounded number of rows, so that a page may be empty
  /// though more rows follow.
  ///
  /// A row whose text can't be read is returned as such and stops no other. One of more than `UnreadableText.mostBytes` is
  /// not read.
  func page(of source: Source, _ request: PageRequest) async throws -> MessagePage

  /// How many rows lack a vector and meet the source's condition; without the blank ones where `SourceShape.countsBlank`
  /// says so. Rows with a vector of an earlier text are counted where that reads no text.
  func countRemaining(in source: Source) async throws -> Int

  /// Writes each vector whose row still holds the very text, still lacks a vector and still meets the source's
  /// condition, and says what became of each row. With `edits: digest` the text's digest is written with it, and a vector
  /// whose digest is another text's is replaced. A row that can't be written keeps no other from being written.
  ///
  /// Where texts are cut, `rows` are pieces: all of a row's one after the other. They take the place of those that the row
  /// had, in one transaction and only while the row still holds the very text; a reader sees the former or the new ones.
  ///
  /// Durable when it returns. Throws a `Failure` where it is no row's fault: the database is away, a right is missing.
  func write(_ rows: [EmbeddedRow], to source: Source) async throws -> WriteOutcome

  /// As `write`, for many rows of a load whose vectors are there already: at once, as far as the database can.
  func load(_ rows: [EmbeddedRow], to source: Source) async throws -> WriteOutcome

  /// Deletes the pieces of the rows of `keys` that are of another text than the row has now, as of one that was edited to
  /// a blank text. Does nothing for a source whose texts aren't cut.
  func removePieces(of keys: [RowKey], in source: Source) async throws

  /// Sets the vectors of those rows of `keys` to NULL that are of another text than the row has now, as the digest beside
  /// them says: of rows that were edited to a blank text, which get no other. Rows that can't be changed now are left.
  func emptyVectors(of keys: [RowKey], in source: Source) async throws

  /// The rows with a vector that are nearest to `vector` by cosine distance, nearest first, at most `limit`.
  func nearest(to vector: [Float], in source: Source, limit: Int) async throws -> [Neighbour]

  /// The vectors of those of `rows` that have one and whose text still has that digest.
  func vectors(of rows: [RowKey: TextDigest], in source: Source) async throws -> [RowKey: [Float]]

  /// `source` with its key and its text as the database itself names them, however the job spells them.
  func named(_ source: Source) async throws -> Source

  /// Which column `source` fills; nil where the database has no name for itself before `claim` gives it one.
  func column(of source: Source) async throws -> ColumnIdentity?

  /// Takes the database's own lock on filling `source`, held until this store is closed or its process dies, and returns
  /// which column that is and what is recorded of it.
  ///
  /// Throws a `Failure` with `.locked`, which names the holder where the database knows it.
  @discardableResult
  func claim(_ source: Source) async throws -> ColumnClaim

  /// A few rows that have a vector, at most `limit`, found within a bounded time.
  func filled(in source: Source, limit: Int) async throws -> FilledSample

  /// Records in the database what the vectors of `source` are made of, durably. Returns why it can't, in words; nil where
  /// it did. The caller has the claim.
  func record(_ fingerprint: Fingerprint, of source: Source) async throws -> String?

  /// Claims the column of `source`, deletes what the database has recorded of it, and returns which one it is; nil where
  /// there is no such column. Only its table and its vector column have to be there.
  func forget(_ source: Source) async throws -> ColumnIdentity?

  /// Begins a search for edited rows of `source`: from now on its pages of edited rows may leave out rows that were not
  /// written since `earlier` and so are none, as far as the database proves that.
  func beginEditSearch(of source: Source, after earlier: SearchedEdits?) async throws

  /// Ends the search that was begun last, in which each edited row was found and has got its vector. Returns what the next
  /// one may begin after; nil where it has to read every text.
  func endEditSearch(of source: Source) async throws -> SearchedEdits?

  /// Returns true as soon as the database says that one of `sources` was written to, and false after `time`. It promises
  /// nothing: what is not told is found by looking.
  func waitForChanges(of sources: [Source], atMost time: Duration) async throws -> Bool

  /// Closes the connections; what was locked is free after it.
  func close() async
}

/// What a store is opened for, and so which rights it asks for.
package enum StoreAccess: Sendable {
  /// Paging and counting: nothing is written.
  case reading
  /// As `reading`. Where the vector column is yet to be made, all rows lack a vector.
  case estimating
  /// Looking at the rows and their texts alone, before what a run needs beside them is made.
  case preparing
  /// As `reading`, also of a column that holds what no run would fill.
  case verifying
  /// Paging and counting all rows, as if none had a vector of whatever dimensions: for a column that is yet to come.
  case planning
  case filling
}

extension MessageStore {
  /// Of a database that reports nothing.
  package func waitForChanges(of sources: [Source], atMost time: Duration) async throws -> Bool {
    try await Task.sleep(for: time)
    return false
  }

  package func removePieces(of keys: [RowKey], in source: Source) async throws {}

  package func emptyVectors(of keys: [RowKey], in source: Source) async throws {}

  /// Of a database in which that is no faster.
  package func load(_ rows: [EmbeddedRow], to source: Source) async throws -> WriteOutcome {
    try await write(rows, to: source)
  }

  /// Of a database that doesn't tell when a row was written.
  package func beginEditSearch(of source: Source, after earlier: SearchedEdits?) async throws {}

  package func endEditSearch(of source: Source) async throws -> SearchedEdits? { nil }

  package func inspect(_ source: Source, dimensions: Int) async throws -> SourceShape {
    try await inspect(source, dimensions: dimensions, for: .filling)
  }

  /// The bytes of text after which a page ends early: 8 MiB. With its last text it may have twice as many.
  package static var pageBytes: Int { 8 << 20 }
}

/// Which rows a page is of.
package struct PageRequest: Equatable, Sendable {
  /// What is wrong with them.
  package enum Rows: Equatable, Sendable {
    /// They lack a vector.
    case missing
    /// Their vector is of an earlier text, as the digest beside it says: for sources with `edits: digest`.
    case edited
  }

  package var rows = Rows.missing
  /// Whether the rows come by `Source.newestBy`, the greatest value first and equal ones by the key; then `after` and
  /// `MessagePage.continuesAfter` are places in that order and not keys. Rows that have no value there are left out.
  package var isByColumn = false
  /// Only keys behind this one in the source's order; nil for all.
  package var after: RowKey?
  /// Only keys up to this one in the source's order; nil for all.
  package var through: RowKey?
  /// At most so many rows, and fewer once their texts reach `MessageStore.pageBytes`.
  package var limit: Int
  /// Whether rows with a blank or NULL text are left out; else they come without their text, where
  /// `SourceShape.countsBlank` holds.
  package var leavesOutBlank: Bool
  /// Only the rows that it chooses; nil for all.
  package var sample: KeySample?
  /// So many of them may be embedded, by who cuts the page; nil for all. A store pays no heed to it.
  package var mostTaken: Int?

  package init(
    after: RowKey? = nil, through: RowKey? = nil, limit: Int, leavesOutBlank: Bool = false, sample: KeySample? = nil
  ) {
    self.after = after
    self.through = through
    self.limit = limit
    self.leavesOutBlank = leavesOutBlank
    self.sample = sample
  }
}

/// A part of the rows that lack a vector.
package struct MessagePage: Equatable, Sendable {
  package let messages: [Message]
  /// The key behind which the next page begins; nil where the range has been read to its end.
  package let continuesAfter: RowKey?

  package init(_ messages: [Message], continuesAfter: RowKey?) {
    self.messages = messages
    self.continuesAfter = continuesAfter
  }

  /// The page up to the first row with a text beyond `most` of those that aren't in `others`, and whether that is not all
  /// of it. Where the first one is beyond it already, `continuesAfter` is nil.
  package func cut(to most: Int?, leavingOut others: (Message) -> Bool) -> (page: MessagePage, isCut: Bool) {
    guard let most else { return (self, false) }
    var taken = 0
    let end = messages.firstIndex { message in
      guard message.text != nil, !others(message) else { return false }
      taken += 1
      return taken > most
    }
    guard let end else { return (self, false) }
    return (MessagePage(Array(messages[..<end]), continuesAfter: end > 0 ? messages[end - 1].key : nil), true)
  }
}

/// What `MessageStore.inspect` found.
package struct SourceShape: Equatable, Sendable {
  /// What a load has to know of the table's vector indexes, on whatever column: each write maintains all of them.
  package struct Indexes: Equatable, Sendable {
    /// Their names.
    package var present: [String] = []
    /// Whether one may be away since an earlier load, and has to be put back.
    package var mayBeAway = false
    /// What was not trusted, a sentence each.
    package var warnings: [String] = []
    /// How many rows the table has, roughly; nil where it isn't known.
    package var tableRows: Int?

    package init(
      present: [String] = [], mayBeAway: Bool = false, warnings: [String] = [], tableRows: Int? = nil
    ) {
      self.present = present
      self.mayBeAway = mayBeAway
      self.warnings = warnings
      self.tableRows = tableRows
    }
  }

  package let keyKind: RowKey.Kind
  /// The vector column as declared, e.g. "vector(1536)", "halfvec(3072)", "VECTOR(1536)", "BLOB".
  package let vectorType: String
  package let indexes: Indexes
  /// What a person should know though it stops nothing, a sentence each.
  package let warnings: [String]
  /// Whether blank rows are looked at, and so counted. Where an index leaves them out, `page` and `countRemaining` do too,
  /// whatever is asked for, except those that the database can't tell to be blank.
  package let countsBlank: Bool
  /// Whether the vector column is yet to be made, so that all rows lack a vector.
  package let lacksColumn: Bool

  package init(
    keyKind: RowKey.Kind, vectorType: String, indexes: Indexes = Indexes(), warnings: [String] = [],
    countsBlank: Bool = true, lacksColumn: Bool = false
  ) {
    self.keyKind = keyKind
    self.vectorType = vectorType
    self.indexes = indexes
    self.warnings = warnings + indexes.warnings
    self.countsBlank = countsBlank
    self.lacksColumn = lacksColumn
  }
}

/// A column whose lock was taken.
package struct ColumnClaim: Equatable, Sendable {
  package let column: ColumnIdentity
  /// What the database has recorded that its vectors are made of; nil where nothing is recorded or can be read.
  package let recorded: Fingerprint?
  /// The same of the tables that this one is a part of, or that are parts of it, by their names.
  package let relatives: [String: Fingerprint]
  /// What a person should know of the records, a sentence each.
  package let warnings: [String]

  package init(
    column: ColumnIdentity, recorded: Fingerprint? = nil, relatives: [String: Fingerprint] = [:],
    warnings: [String] = []
  ) {
    self.column = column
    self.recorded = recorded
    self.relatives = relatives
    self.warnings = warnings
  }
}

/// A row found by `MessageStore.nearest`.
package struct Neighbour: Equatable, Sendable {
  package let key: RowKey
  package let text: String
  /// The cosine distance, from 0 for the same direction to 2 for the opposite.
  package let distance: Double
  /// Where texts are cut, the number of the piece that `text` is; nil where it is the row's own.
  package let piece: Int?

  package init(key: RowKey, text: String, distance: Double, piece: Int? = nil) {
    self.key = key
    self.text = text
    self.distance = distance
    self.piece = piece
  }
}
