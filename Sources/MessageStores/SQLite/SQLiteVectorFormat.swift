import Backfill
import Foundation
import GRDB

/// How a SQLite column holds a vector.
enum SQLiteVectorFormat: Sendable {
  /// JSON text `[0.1,…]`, as pgvector's SQLAlchemy type writes it to SQLite.
  case json
  /// Little-endian float32, as sqlite-vec takes it.
  case float32

  func value(of vector: ArraySlice<Float>) -> DatabaseValue {
    switch self {
    case .json:
      return Self.text(of: vector).databaseValue
    case .float32:
      // The floats as they lie in memory: every machine that vecfill runs on is little-endian.
      return vector.withUnsafeBytes { Data($0) }.databaseValue
    }
  }

  private static func text(of vector: ArraySlice<Float>) -> String {
    vector.withUnsafeBufferPointer { vector in
      let most = vector.count * (FloatText.mostBytes + 1) + FloatText.room
      return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: most) { text in
        guard let start = text.baseAddress else { return "" }
        var end = start
        var index = 0
        while index < vector.count {
          end.pointee = UInt8(ascii: index == 0 ? "[" : ",")
          end += 1
          end += FloatText.write(vector[index], to: end)
          index += 1
        }
        end.pointee = UInt8(ascii: "]")
        // A string of its own length: a write holds those of many rows.
        return String(decoding: UnsafeBufferPointer(start: start, count: end + 1 - start), as: UTF8.self)
      }
    }
  }

  /// Reads a stored vector; nil where the bytes hold none.
  func vector(_ stored: Data) -> [Float]? {
    switch self {
    case .json: Self.parse(stored)
    case .float32: Self.copy(stored)
    }
  }

  private static func copy(_ floats: Data) -> [Float]? {
    guard !floats.isEmpty, floats.count.isMultiple(of: 4) else { return nil }
    return [Float](unsafeUninitializedCapacity: floats.count / 4) { values, count in
      count = floats.copyBytes(to: values) / 4
    }
  }

  private static func parse(_ json: Data) -> [Float]? {
    guard json.first == UInt8(ascii: "["), json.last == UInt8(ascii: "]") else { return nil }
    var values: [Float] = []
    // Ended by a zero, because strtof looks for an end.
    return (json.dropFirst().dropLast() + [0]).withUnsafeBytes { raw in
      guard var position = raw.assumingMemoryBound(to: CChar.self).baseAddress else { return nil }
      while true {
        var end: UnsafeMutablePointer<CChar>?
        let value = strtof(position, &end)
        guard let end, UnsafePointer(end) != position else { return nil }
        values.append(value)
        position = UnsafePointer(end)
        while position.pointee == 0x20 { position += 1 }
        if position.pointee == 0 { return values }
        guard position.pointee == CChar(UInt8(ascii: ",")) else { return nil }
        position += 1
      }
    }
  }
}
