import Backfill
import Foundation
import Postgres

/// A source as it was found in the file: what its statements are built from.
struct SQLiteTable: Sendable {
  let source: Source
  let keyKind: RowKey.Kind
  let vectorFormat: SQLiteVectorFormat
  /// The vector column's type as declared.
  let declaredType: String
  /// The dimension that the column declares or its vectors have; nil where neither tells.
  let dimensions: Int?

  var shape: SourceShape { SourceShape(keyKind: keyKind, vectorType: declaredType) }

  private var name: String { source.table.quotedIdentifier }
  private var key: String { source.key.quotedIdentifier }
  private var vector: String { source.vector.quotedIdentifier }
  /// The text's very bytes: a number's are those of its text form.
  private var text: String { "CAST(\(source.text.quotedIdentifier) AS BLOB)" }

  private var remaining: String {
    // The line breaks keep a comment in the condition from swallowing what follows.
    "\(vector) IS NULL" + (source.condition.map { " AND (\n\($0)\n)" } ?? "")
  }

  /// Keys come as bytes where they are text: what SQLite takes for text need not be any.
  private var selectedKey: String { keyKind == .text ? "CAST(\(key) AS BLOB)" : key }

  /// At most `limit` rows, behind the key given as the first argument.
  func page(behindKey: Bool, sample: KeySample? = nil) -> String {
    """
    SELECT \(selectedKey), \(text) FROM \(name)
    WHERE \(behindKey ? "\(key) > ? AND " : "")\(remaining)\(sample.map(chosen) ?? "")
    ORDER BY \(key) LIMIT ?
    """
  }

  private func chosen(by sample: KeySample) -> String {
    let bound = sample.bound.map { String(format: "%02x", $0) }.joined()
    return " AND \(SQLiteTable.digestFunction)(CAST(\(key) AS TEXT) || '\(sample.salt)') < x'\(bound)'"
  }

  var lastKey: String { "SELECT \(selectedKey) FROM \(name) ORDER BY \(key) DESC LIMIT 1" }

  var countRemaining: String { "SELECT count(*) FROM \(name) WHERE \(remaining)" }

  /// Writes a vector to the row of a key whose text has a digest: the three arguments in this order.
  var update: String {
    """
    UPDATE \(name) SET \(vector) = ?
    WHERE \(key) = ? AND \(vector) IS NULL AND \(SQLiteTable.digestFunction)(\(text)) = ?
    """
  }

  /// All keys with their vectors.
  var vectors: String { "SELECT \(selectedKey), CAST(\(vector) AS BLOB) FROM \(name) WHERE \(vector) IS NOT NULL" }

  /// The text of the row of a key.
  var textOfKey: String { "SELECT \(text) FROM \(name) WHERE \(key) = ?" }

  /// The SQL function by which the database digests a text itself.
  static let digestFunction = "vecfill_sha256"
}
