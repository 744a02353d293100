import Backfill
import Foundation
import PgVector
import Postgres

/// A source as it was found in the database: what its statements are built from.
struct PostgresTable: Sendable {
  let source: Source
  /// The columns of the text whose form depends on the session's time zone.
  var zonedTexts: Set<String> = []
  /// The table's object id.
  let oid: String
  let schema: String
  let key: PostgresKey
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
  let indexes: SourceShape.Indexes
  let warnings: [String]
  /// The table of the pieces, where texts are cut: the vectors are there.
  var pieces: PostgresPieces?

  var shape: SourceShape {
    SourceShape(
      keyKind: key.kind, vectorType: dimensions.map { "\(vectorType)(\($0))" } ?? "\(vectorType)", indexes: indexes,
      warnings: warnings, countsBlank: missingRowsIndex != .texts)
  }

  var place: PostgresColumnPlace {
    PostgresColumnPlace(
      table: pieces?.oid ?? oid, number: vectorNumber, schema: pieces?.schema ?? schema, tableName: source.home.table,
      columnName: source.vector)
  }

  var name: String { "\(schema.quotedIdentifier).\(source.table.quotedIdentifier)" }
  /// The table's name as its columns are qualified with it.
  var identifier: String { source.table.quotedIdentifier }
  /// The text of a row, SQL of type text over the table's columns.
  var text: String { source.text.postgres(zoned: zonedTexts) }
  /// Whether the text is too long to be read, told without reading it where that can be.
  var isTooLong: String {
    "(\(source.text.postgresStoredLength ?? "pg_catalog.octet_length(\(text))")) > \(UnreadableText.mostBytes)"
  }
  var vector: String { source.vector.quotedIdentifier }
  /// That a row lacks a vector of the text that it has. A text that is too long is never read for it.
  var lacksVector: String {
    guard let pieces else { return "\(vector) IS NULL" }
    return "CASE WHEN \(isTooLong) THEN true ELSE NOT \(pieces.holds(digest, outer: identifier)) END"
  }
  /// The same as far as it can be told without reading the text: true where only the text tells.
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
    return settings
  }
}

/// The statements.
extension PostgresTable {
  var lastKey: String { "SELECT \(key.outputs) FROM \(name) ORDER BY \(key.order("DESC", of: identifier)) LIMIT 1" }

  /// Writes the vector $1 to the row of the key from $3 on whose text has the digest $2.
  ///
  /// The repeat of a write that may have been done finds its own vector in place, and counts the row all the same.
  func update(isRepeat: Bool) -> String {
    let isFree = "\(vector) IS NULL AND \(condition)"
    return """
      UPDATE \(name) SET \(vector) = $1
      WHERE \(key.equality { "$\($0 + 3)" })
        AND \(isRepeat ? "(\(isFree) OR \(vector) \(pgvector("=")) $1)" : isFree)
        AND \(digest) = $2
      """
  }

  /// An update as `update` makes it that finds no row: what it fails with is no row's fault.
  var idleUpdate: String { "UPDATE \(name) SET \(vector) = \(vector) WHERE false AND \(condition)" }

  /// Which of the rows of the digests $1 and the keys from $2 on, counted from 1, still hold the text and no vector.
  ///
  /// A subquery a row, and no join: whatever the table's statistics say, each row is looked up by its key, and where there
  /// is an index of missing rows, in that one.
  var unfilled: String {
    """
    SELECT vecfill_n FROM \(arrays(from: 1))
    WHERE (SELECT CASE WHEN \(vector) IS NULL THEN \(condition) AND \(digest) = pg_catalog.decode(vecfill_d, 'hex') END
      FROM \(name) WHERE \(key.equality { "vecfill_k\($0)" }) AND \(isMissing))
    """
  }

  /// That a row is one of those that the index of missing rows holds, which has few pages.
  private var isMissing: String { missingRowsIndex?.predicate(vector: source.vector, text: source.text) ?? "true" }

  /// Which of the rows of the digests $1 and the keys from $2 on, counted from 1, lack a vector; with `lock` only those
  /// that no other transaction holds.
  func lacking(lock: Bool) -> String {
    """
    SELECT vecfill_n FROM \(arrays(from: 1))
    JOIN \(name) ON \(key.equality { "vecfill_k\($0)" }) WHERE \(vector) IS NULL
    \(lock ? "FOR NO KEY UPDATE OF \(identifier) SKIP LOCKED" : "")
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
    JOIN \(name) ON \(key.equality { "vecfill_k\($0)" })
    WHERE \(condition) AND \(digest) = pg_catalog.decode(vecfill_d, 'hex')
    """
  }

  /// The arrays of a digest and of the key's columns, from parameter `first` on, as a table.
  private func arrays(from first: Int) -> String {
    let count = key.columns.count + 1
    let parameters = (first..<first + count).map { "$\($0)::pg_catalog.text[]" }.joined(separator: ", ")
    return "unnest(\(parameters)) WITH ORDINALITY AS vecfill_written(vecfill_d, \(key.aliases), vecfill_n)"
  }

  /// The $2 rows nearest to $1.
  var nearest: String {
    """
    SELECT \(key.outputs), coalesce(\(text), ''), (\(vector) \(pgvector("<=>")) $1)::pg_catalog.text FROM \(name)
    WHERE \(vector) IS NOT NULL ORDER BY \(vector) \(pgvector("<=>")) $1 LIMIT $2
    """
  }
}

/// The vectors.
extension PostgresTable {
  /// Appends `vector` in the binary form of the column's type: int16 dimension, int16 0, then the big-endian values.
  ///
  /// A value that is too great for a halfvec becomes infinite, which pgvector refuses; see `takes`.
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
  /// Whether the column's type can hold each value of `vector`.
  func takes(_ vector: ArraySlice<Float>) -> Bool {
    vectorType == .vector || vector.allSatisfy { Float16($0).isFinite }
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
