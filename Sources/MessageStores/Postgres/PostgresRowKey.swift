import Backfill
import Foundation
import Postgres

extension PostgresValue {
  /// A row's key as a parameter.
  init(_ key: RowKey) {
    switch key {
    case .integer(let value): self = .integer(value)
    case .uuid(let value): self = .uuid(value)
    case .text(let value): self = .text(value)
    case .bytes(let value): self = .bytes(value)
    case .composite: self = .null
    }
  }
}

extension RowKey {
  /// Reads a key's text form; nil where it is none of `kind`.
  init?(postgres text: String, kind: Kind) {
    switch kind {
    case .integer:
      guard let value = Int64(text) else { return nil }
      self = .integer(value)
    case .uuid:
      guard let value = UUID(uuidString: text) else { return nil }
      self = .uuid(value)
    default: self = .text(text)
    }
  }
}

extension PostgresResult {
  /// The key in a column that came in binary form; nil where its type is none that can be paged.
  func rowKey(row: Int, column: Int) -> RowKey? {
    let key = withBytes(row: row, column: column) { bytes -> RowKey? in
      switch type(ofColumn: column) {
      case PostgresType.smallint where bytes.count == 2:
        .integer(Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self))))
      case PostgresType.integer where bytes.count == 4:
        .integer(Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self))))
      case PostgresType.bigint where bytes.count == 8:
        .integer(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))
      case PostgresType.uuid where bytes.count == 16:
        .uuid(UUID(uuid: bytes.loadUnaligned(as: uuid_t.self)))
      case PostgresType.text, PostgresType.varchar:
        .text(String(decoding: bytes, as: UTF8.self))
      default:
        nil
      }
    }
    return key ?? nil
  }
}
