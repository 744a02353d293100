import Backfill
import Foundation
import PgVector
import Postgres

/// A source as it was found in the database: what its statements are built from.
struct PostgresTable: Sendable {
  var source: Source
  /// The columns of the text whose form depends on the session's time zone.
  var zonedTexts: Set<String> = []
  /// The table's object id.
  let oid: String
  let schema: String
  /// The view that is read, with its schema; nil where it is the table itself.
  var view: TableName?
  /// The partition that is read alone, with its schema, quoted; nil for all of the table.
  var partition: String?
  var key: PostgresKey
  /// The vector column's number in its table.
  let vectorNumber: Int
  let vectorType: VectorType
  /// The declared dimension; nil where the column takes any.
  let dimensions: Int?
  /// The schema that pgvector's operators are in; it need not be on the search path.
  let pgvectorSchema: String
  /// Schemas of the key's types, whose operators must be found.
  let keySchemas: [String]
  /// The index that holds the keys of the rows that lack a vector, and no other, in their order; nil where there is none.
  var missingRowsIndex: MissingRowsIndex?
  /// How rows are read by `Source.newestBy`; nil where they aren't.
  var newest: PostgresNewest?
  /// The column that rows are read by before their key; nil where it is the key alone.
  var leading: PostgresKeyColumn?
  /// How edited rows are found; nil where the job doesn't say `edits: digest`.
  var edits: PostgresEdits?
  /// Whether a row counts as one that lacks a vector though it has one.
  var takesAll = false
  /// Whether the vector column is yet to be made.
  var lacksColumn = false
  /// The model that this process's vectors are of, as a column asks for it that is changed to another.
  var writtenModel: String?
  let indexes: SourceShape.Indexes
  let warnings: [String]
  /// Those of them that say how edited rows are found.
  var editWarnings: [String] = []
  /// The table of the pieces, where texts are cut: the vectors are there.
  var pieces: PostgresPieces?

  var shape: SourceShape {
    SourceShape(
      keyKind: key.kind, vectorType: dimensions.map { "\(vectorType)(\($0))" } ?? "\(vectorType)", indexes: indexes,
      warnings: warnings, countsBlank: missingRowsIndex != .texts, lacksColumn: lacksColumn)
  }

  var place: PostgresColumnPlace {
    PostgresColumnPlace(
      table: pieces?.oid ?? oid, number: vectorNumber, schema: pieces?.schema ?? schema, tableName: source.home.table,
      columnName: source.vector)
  }

  var name: String { "\(schema.quotedIdentifier).\(source.table.quotedIdentifier)" }
  /// The table's name as its columns are qualified with it.
  var identifier: String { source.table.quotedIdentifier }
  /// What is read: the view, or the table.
  var read: String { view.map { "\($0.schema?.quotedIdentifier ?? "").\($0.table.quotedIdentifier)" } ?? held }
  /// What holds the rows: the table, or a partition under the table's name.
  private var held: String { partition.map { "\($0) AS \(identifier)" } ?? name }
  /// Its name as its columns are qualified with it.
  var readIdentifier: String { view?.table.quotedIdentifier ?? identifier }
  /// The text of a row, SQL of type text over the columns of what is read.
  var text: String { source.text.postgres(zoned: zonedTexts) }
  /// Whether the text is too long to be read, told without reading it where that can be.
  var isTooLong: String {
    "(\(source.text.postgresStoredLength ?? "pg_catalog.octet_length(\(text))")) > \(UnreadableText.mostBytes)"
  }
  var vector: String { source.vector.quotedIdentifier }
  /// That a row lacks a vector of the text that it has. A text that is too long is never read for it.
  var lacksVector: String {
    if takesAll { return "true" }
    guard let pieces else { return "\(vector) IS NULL" }
    return "CASE WHEN \(isTooLong) THEN true ELSE NOT \(pieces.holds(digest, outer: identifier)) END"
  }
  /// The same as far as it can be told without reading the text: true where only the text shows it.
  var mayLackVector: String { pieces == nil ? lacksVector : "true" }
  func pgvector(_ operation: String) -> String { "OPERATOR(\(pgvectorSchema.quotedIdentifier).\(operation))" }

  /// The text's digest, as `TextDigest` has it.
  var digest: String { "pg_catalog.sha256(pg_catalog.convert_to(\(text), 'UTF8'))" }

  /// The source's condition, true where it has none.
  // The line breaks keep a comment in the condition from swallowing what follows.
  var condition: String { source.condition.map { "(\n\($0)\n)" } ?? "true" }

  func settings(_ statementTimeout: Duration = .seconds(60), lockTimeout: Duration? = nil) -> PostgresSettings {
    var settings = PostgresSettings(statementTimeout: statementTimeout, lockTimeout: lockTimeout, schemas: keySchemas)
    if case .sql = source.text { settings.pinsExpressions = true }
    settings.writtenModel = writtenModel
    return settings
  }
}

/// The statements.
extension PostgresTable {
  /// The order in which keys are read.
  var direction: String { source.order == .oldest ? "ASC" : "DESC" }

  /// - Parameter isBounded: whether only keys behind the one of the parameters from $1 on count.
  func lastKey(isBounded: Bool) -> String {
    let (direction, behind) = source.order == .oldest ? ("DESC", ">") : ("ASC", "<")
    let restriction = isBounded ? "WHERE \(key.comparison(behind, parametersFrom: 1)) " : ""
    return "SELECT \(key.outputs) FROM \(held) \(restriction)ORDER BY \(key.order(direction, of: identifier)) LIMIT 1"
  }

  /// Whether the rows are locked before their texts are compared.
  ///
  /// A statement that waits for a row's lock looks at that row again, and at all others, and at a view, as they were when it
  /// began: a text that is read elsewhere would be that from before the edit that it waited for.
  var locksFirst: Bool { if view == nil, source.text.columns != nil, edits?.apart == nil { false } else { true } }

  /// Locks the rows of the digests $1 and the keys from $2 on that lack a vector.
  var lock: String { lacking("FOR NO KEY UPDATE OF \(identifier)") }

  /// Writes the vector $1 to the row of the key from $3 on whose text has the digest $2.
  ///
  /// The repeat of a write that may have been done finds its own vector in place, and counts the row all the same.
  func update(isRepeat: Bool) -> String {
    let isRow = key.equality { "$\($0 + 3)" }
    let isFree = "\(lacks(digest: "$2")) AND \(condition)"
    guard view == nil else {
      let fits = "\(vector) IS NULL AND \(isShown("\(isRow) AND \(condition) AND \(digest) = $2"))"
      return """
        UPDATE \(name) SET \(vector) = $1
        WHERE \(isRow) AND \(isRepeat ? "(\(fits) OR \(vector) \(pgvector("=")) $1)" : fits)
        """
    }
    let column = edits.flatMap { $0.apart == nil ? ", \($0.digest) = $2" : nil } ?? ""
    let update = """
      UPDATE \(name) SET \(vector) = $1\(column)
      WHERE \(isRow)
        AND \(isRepeat ? "(\(isFree) OR \(vector) \(pgvector("=")) $1)" : isFree)
        AND \(digest) = $2
      """
    return edits?.apart?.writing(with: update) ?? update
  }

  /// An update to the vector $1, as `update` makes it, that finds no row: what it fails with is no row's fault.
  var idleUpdate: String {
    let isRow = key.equality { _ in "NULL" }
    return
      "UPDATE \(name) SET \(vector) = $1 WHERE false AND \(isShown("\(condition) AND \(isRow) AND \(digest) IS NULL"))"
  }

  /// Which of the rows of the digests $1 and the keys from $2 on, counted from 1, still hold the text and no vector.
  ///
  /// A subquery a row, and no join: whatever the table's statistics say, each row is looked up by its key, and where there
  /// is an index of missing rows, in that one.
  var unfilled: String {
    let holds = "\(condition) AND \(digest) = pg_catalog.decode(vecfill_d, 'hex')"
    let isRow = key.equality { "vecfill_k\($0)" }
    return """
      SELECT vecfill_n FROM \(arrays(from: 1))
      WHERE (SELECT CASE WHEN \(lacks(digest: digest)) THEN \(isShown(view == nil ? holds : "\(isRow) AND \(holds)")) END
        FROM \(name) WHERE \(isRow) AND \(isMissing))
      """
  }

  /// Fails by a division by zero where the transaction's own writes have changed the text of one of the rows of the digests
  /// $1 and the keys from $2 on, so that it lacks a vector all the same. Rows that it has not written don't count.
  var staysAsItIs: String {
    """
    SELECT 1 / CASE WHEN count(*) = 0 THEN 1 ELSE 0 END FROM \(arrays(from: 1))
    WHERE (SELECT \(lacks(digest: digest)) AND \(digest) IS DISTINCT FROM pg_catalog.decode(vecfill_d, 'hex')
      FROM \(name) WHERE \(key.equality { "vecfill_k\($0)" }) AND \(Self.isOwn))
    """
  }

  /// That the transaction itself has written a row.
  static let isOwn = "xmin = pg_catalog.pg_current_xact_id()::pg_catalog.xid"

  /// That what is read meets `condition`: the row itself, or one that the view shows.
  private func isShown(_ condition: String) -> String {
    view == nil ? condition : "EXISTS (SELECT FROM \(read) WHERE \(condition))"
  }

  /// That a row is one of those that the index of missing rows holds, which has few pages.
  private var isMissing: String {
    // That index holds no row with a vector of an earlier text.
    guard edits == nil else { return "true" }
    return missingRowsIndex?.predicate(vector: source.vector, text: source.text) ?? "true"
  }

  /// Which of the rows of the digests $1 and the keys from $2 on, counted from 1, lack a vector; with `lock` only those
  /// that no other transaction holds.
  func lacking(lock: Bool) -> String {
    lacking(lock ? "FOR NO KEY UPDATE OF \(identifier) SKIP LOCKED" : "")
  }

  /// A subquery a row, as in `unfilled`: a join may compute the texts of other rows, one of which can't be read.
  private func lacking(_ lock: String) -> String {
    """
    SELECT vecfill_n FROM \(arrays(from: 1))
    WHERE (SELECT \(lacks(digest: digest)) FROM \(name) WHERE \(key.equality { "vecfill_k\($0)" }) \(lock))
    """
  }

  /// The number, counted from 1, of each of the rows of the digests $1 and the keys from $2 on, and its vector where it
  /// holds the text.
  var vectorsOfTexts: String {
    """
    SELECT vecfill_n, (SELECT CASE WHEN \(digest) = pg_catalog.decode(vecfill_d, 'hex') THEN \(vector) END
      FROM \(name) WHERE \(key.equality { "vecfill_k\($0)" }) AND \(vector) IS NOT NULL)
    FROM \(arrays(from: 1))
    """
  }

  /// Which of the rows of the digests $1 and the keys from $2 on, counted from 1, no other transaction holds; they are
  /// locked against edits.
  var lockedForPieces: String {
    """
    SELECT vecfill_n FROM \(arrays(from: 1))
    JOIN \(name) ON \(key.equality { "vecfill_k\($0)" }) FOR SHARE OF \(identifier) SKIP LOCKED
    """
  }

  /// Which of the rows of the digests $1 and the keys from $2 on, counted from 1, hold the text and meet the source's
  /// condition.
  var holding: String {
    """
    SELECT vecfill_n FROM \(arrays(from: 1))
    WHERE (SELECT \(condition) AND \(digest) = pg_catalog.decode(vecfill_d, 'hex')
      FROM \(name) WHERE \(key.equality { "vecfill_k\($0)" }))
    """
  }

  /// The arrays of a digest and of the key's columns, from parameter `first` on, as a table.
  private func arrays(from first: Int) -> String {
    let count = key.columns.count + 1
    let parameters = (first..<first + count).map { "$\($0)::pg_catalog.text[]" }.joined(separator: ", ")
    return "unnest(\(parameters)) WITH ORDINALITY AS vecfill_written(vecfill_d, \(key.aliases), vecfill_n)"
  }

  /// The keys of the $2 rows nearest to $1, and their distances. No text is read: one that can't be would fail for all.
  var nearest: String {
    """
    SELECT \(key.outputs), (\(vector) \(pgvector("<=>")) $1)::pg_catalog.text FROM \(name)
    WHERE \(vector) IS NOT NULL ORDER BY \(vector) \(pgvector("<=>")) $1 LIMIT $2
    """
  }

  /// The text of the row of the key from $1 on; no row where the view doesn't show it.
  var textOfRow: String { "SELECT \(text) FROM \(read) WHERE \(key.equality { "$\($0 + 1)" }) LIMIT 1" }
}

extension PostgresTable {
  /// The table, for statements that ask for its rows whether a view shows them or not.
  var row: String { view == nil ? name : "\(name) AS vecfill_row" }

  /// An expression over the columns of what is read, for a row of `row`; NULL where the view doesn't show it.
  func ofRow(_ expression: String) -> String {
    guard view != nil else { return expression }
    let isRow = key.equality(of: readIdentifier, and: "vecfill_row")
    return "(SELECT \(expression) FROM \(read) WHERE \(isRow) LIMIT 1)"
  }
}

/// The vectors.
extension PostgresTable {
  /// Appends `vector` in the binary form of the column's type: int16 dimension, int16 0, then the big-endian values.
  ///
  /// A value that is too great for a halfvec becomes infinite, which pgvector refuses; see `fault`.
  func encode(_ vector: ArraySlice<Float>, to bytes: inout [UInt8]) {
    bytes.appendBigEndian(Int16(truncatingIfNeeded: vector.count))
    bytes.appendBigEndian(Int16(0))
    switch vectorType {
    case .vector:
      bytes.append(vector) { $0.bitPattern.bigEndian }
    case .halfvec:
      bytes.append(vector) { Float16($0).bitPattern.bigEndian }
    }
  }
}

extension PostgresTable {
  /// Why the column's type can't hold `vector`; nil where it can.
  ///
  /// pgvector takes a vector that becomes all zeros, and then leaves it out of a cosine index.
  func fault(of vector: ArraySlice<Float>) -> String? {
    guard vectorType == .halfvec else { return nil }
    guard vector.allSatisfy({ Float16($0).isFinite }) else {
      return "a value of its vector is too great for halfvec (SQLSTATE 22003)"
    }
    return vector.contains { Float16($0) != 0 } ? nil : "all values of its vector are too small for halfvec"
  }
}

extension [UInt8] {
  /// Appends the words that `encode` makes of the values: over plain pointers, which are fast without optimisation too.
  fileprivate mutating func append<Word: FixedWidthInteger>(
    _ values: ArraySlice<Float>, as encode: (Float) -> Word
  ) {
    values.withUnsafeBufferPointer { values in
      withUnsafeTemporaryAllocation(of: Word.self, capacity: values.count) { words in
        guard let source = values.baseAddress, let target = words.baseAddress else { return }
        var index = 0
        while index < values.count {
          target[index] = encode(source[index])
          index += 1
        }
        append(contentsOf: UnsafeRawBufferPointer(words))
      }
    }
  }
}
