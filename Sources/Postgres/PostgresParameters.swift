import CPostgres
import Foundation

/// The parameters of one statement in the form that libpq takes; kept and emptied, it allocates nothing a row.
package struct PostgresParameters {
  private var bytes: [UInt8] = []
  private var types: [Oid] = []
  private var formats: [Int32] = []
  /// Where each value lies in `bytes`; nil for NULL.
  private var ranges: [Range<Int>?] = []

  package init(_ values: [PostgresValue] = []) {
    for value in values { append(value) }
  }

  package mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    types.removeAll(keepingCapacity: true)
    formats.removeAll(keepingCapacity: true)
    ranges.removeAll(keepingCapacity: true)
  }

  package mutating func append(_ value: PostgresValue) {
    switch value {
    case .null:
      append(type: 0, format: 0, isNull: true) { _ in }
    case .text(let text):
      append(type: 0, format: 0) {
        $0.append(contentsOf: text.utf8)
        $0.append(0)
      }
    case .integer(let integer):
      append(type: PostgresType.bigint, format: 1) { $0.appendBigEndian(integer) }
    case .uuid(let uuid):
      append(type: PostgresType.uuid, format: 1) { bytes in
        withUnsafeBytes(of: uuid.uuid) { bytes.append(contentsOf: $0) }
      }
    case .bytes(let value):
      append(type: PostgresType.bytea, format: 1) { $0.append(contentsOf: value) }
    case .binary(let value):
      append(type: 0, format: 1) { $0.append(contentsOf: value) }
    }
  }

  /// Appends the binary form that `encode` writes, of the type that PostgreSQL infers.
  package mutating func append(encode: (inout [UInt8]) throws -> Void) rethrows {
    try append(type: 0, format: 1, encode: encode)
  }

  private mutating func append(
    type: Oid, format: Int32, isNull: Bool = false, encode: (inout [UInt8]) throws -> Void
  ) rethrows {
    let start = bytes.count
    try encode(&bytes)
    ranges.append(isNull ? nil : start..<bytes.count)
    types.append(type)
    formats.append(format)
  }

  package var count: Int { types.count }

  /// How many bytes the values hold.
  package var byteCount: Int { bytes.count }

  func withPointers<Result>(
    _ body: (
      _ count: Int32, _ types: [Oid], _ values: [UnsafePointer<CChar>?], _ lengths: [Int32], _ formats: [Int32]
    ) throws -> Result
  ) rethrows -> Result {
    try bytes.withUnsafeBytes { raw in
      // An empty value still needs an address: to libpq, a null pointer is NULL.
      let empty = UnsafeRawPointer(bitPattern: 1)
      let values = ranges.map { range in
        range.flatMap { ((raw.baseAddress ?? empty)?.advanced(by: $0.lowerBound))?.assumingMemoryBound(to: CChar.self) }
      }
      return try body(Int32(count), types, values, ranges.map { Int32($0?.count ?? 0) }, formats)
    }
  }
}

/// The object ids of PostgreSQL's own types, the same in every database.
package enum PostgresType {
  package static let bytea: Oid = 17
  package static let bigint: Oid = 20
  package static let smallint: Oid = 21
  package static let integer: Oid = 23
  package static let text: Oid = 25
  package static let varchar: Oid = 1043
  package static let uuid: Oid = 2950
}

extension [UInt8] {
  package mutating func appendBigEndian(_ value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }
}
