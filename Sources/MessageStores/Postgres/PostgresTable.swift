import Backfill
import Foundation
import Postgres

/// A source as it was found in the database: what its statements are built from.
struct PostgresTable: Sendable {
  /// A pgvector type that a float vector can be stored in.
  enum VectorType: String, Sendable {
    case vector, halfvec
  }

  let source: Source
  let schema: String
  let keyKind: RowKey.Kind
  let vectorType: VectorType
  /// The declared dimension; nil where the column takes any.
  let dimensions: Int?
  /// The schema that pgvector's operators are in; it need not be on the search path.
  let pgvectorSchema: String
  let warnings: [String]

  var shape: SourceShape {
    SourceShape(
      keyKind: keyKind, vectorType: dimensions.map { "\(vectorType)(\($0))" } ?? "\(vectorType)", warnings: warnings)
  }

  /// The name of the lock on filling this column, the same for every process and every spelling of the source.
  var lockName: String { "vecfill \(name) \(vector)" }

  private var name: String { "\(schema.quotedIdentifier).\(source.table.quotedIdentifier)" }
  private var key: String { source.key.quotedIdentifier }
  private var text: String { "\(source.text.quotedIdentifier)::pg_catalog.text" }
  private var vector: String { source.vector.quotedIdentifier }
  private func pgvector(_ operation: String) -> String { "OPERATOR(\(pgvectorSchema.quotedIdentifier).\(operation))" }

  /// A key as a parameter, of a type whose comparison with the column can use its index.
  private func keyParameter(_ number: Int) -> String {
    switch keyKind {
    case .integer: "$\(number)::pg_catalog.int8"
    case .uuid: "$\(number)::pg_catalog.uuid"
    default: "$\(number)::pg_catalog.text"
    }
  }

  private var remaining: String {
    // The line breaks keep a comment in the condition from swallowing what follows.
    "\(vector) IS NULL" + (source.condition.map { " AND (\n\($0)\n)" } ?? "")
  }
}

/// The statements.
extension PostgresTable {
  /// At most $1 rows (behind $2), and no further one once `texts` bytes are reached. The lengths are read without the
  /// texts themselves.
  func page(behindKey: Bool, texts bytes: Int, sample: KeySample? = nil) -> String {
    """
    SELECT k, t FROM (
      SELECT k, t, coalesce(sum(octet_length(t)) OVER (ORDER BY k ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
        AS bytes_before
      FROM (
        SELECT \(key) AS k, \(text) AS t FROM \(name)
        WHERE \(behindKey ? "\(key) > \(keyParameter(2)) AND " : "")\(remaining)\(sample.map(chosen) ?? "")
        ORDER BY \(key) LIMIT $1
      ) AS rows
    ) AS page
    WHERE bytes_before < \(bytes) ORDER BY k
    """
  }

  private func chosen(by sample: KeySample) -> String {
    let bound = sample.bound.map { String(format: "%02x", $0) }.joined()
    return " AND sha256(convert_to(\(key)::pg_catalog.text || '\(sample.salt)', 'UTF8')) < '\\x\(bound)'::bytea"
  }

  var lastKey: String { "SELECT \(key) FROM \(name) ORDER BY \(key) DESC LIMIT 1" }

  var countRemaining: String { "SELECT count(*) FROM \(name) WHERE \(remaining)" }

  /// Writes the vector $1 to the row of key $2 whose text has the digest $3.
  ///
  /// The repeat of a write that may have been done finds its own vector in place, and counts the row all the same.
  func update(isRepeat: Bool) -> String {
    """
    UPDATE \(name) SET \(vector) = $1
    WHERE \(key) = \(keyParameter(2))
      AND (\(vector) IS NULL\(isRepeat ? " OR \(vector) \(pgvector("=")) $1" : ""))
      AND sha256(convert_to(\(text), 'UTF8')) = $3
    """
  }

  /// The $2 rows nearest to $1.
  var nearest: String {
    """
    SELECT \(key), coalesce(\(text), ''), \(vector) \(pgvector("<=>")) $1 FROM \(name)
    WHERE \(vector) IS NOT NULL ORDER BY \(vector) \(pgvector("<=>")) $1 LIMIT $2
    """
  }
}

/// The vectors.
extension PostgresTable {
  /// Appends `vector` in the binary form of the column's type: int16 dimension, int16 0, then the big-endian values.
  ///
  /// Throws where a value is too great for a halfvec.
  func encode(_ vector: ArraySlice<Float>, to bytes: inout [UInt8]) throws {
    bytes.appendBigEndian(Int16(truncatingIfNeeded: vector.count))
    bytes.appendBigEndian(Int16(0))
    switch vectorType {
    case .vector:
      bytes.append(vector) { $0.bitPattern.bigEndian }
    case .halfvec:
      guard vector.allSatisfy({ Float16($0).isFinite }) else {
        throw Failure(.badData, source.name, "a value of a vector is too great for halfvec")
      }
      bytes.append(vector) { Float16($0).bitPattern.bigEndian }
    }
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
