import Backfill
import Foundation
import GRDB

/// What the file holds and no version of vecfill writes: the ledger is damaged.
struct LedgerDamage: Error {
  /// Where it was found, e.g. "batch.contents".
  let place: String
}

extension Row {
  /// The column's value. GRDB's own subscript would trap on what isn't of its type.
  func checked<Value: DatabaseValueConvertible>(_ column: String, as type: Value.Type = Value.self) throws -> Value {
    let stored: DatabaseValue? = self[column]
    guard let value = stored.flatMap(Value.fromDatabaseValue) else { throw LedgerDamage(place: column) }
    return value
  }

  /// The column's value; nil where it is NULL.
  func checkedOptional<Value: DatabaseValueConvertible>(
    _ column: String, as type: Value.Type = Value.self
  ) throws -> Value? {
    let stored: DatabaseValue? = self[column]
    return stored?.isNull ?? true ? nil : try checked(column, as: type)
  }

  /// The value that the column holds as JSON.
  func decoded<Value: Decodable>(_ column: String, as type: Value.Type = Value.self) throws -> Value {
    do {
      return try JSONDecoder().decode(type, from: Data(checked(column, as: String.self).utf8))
    } catch is DecodingError {
      throw LedgerDamage(place: column)
    }
  }
}
