import Foundation

/// What a vector column's declared type says of how it holds vectors.
enum SQLiteVectorDeclaration: Equatable {
  case known(SQLiteVectorFormat, dimensions: Int?)
  /// Vectors of other numbers than float32, told in words, e.g. "64-bit floats".
  case unsupported(String)
  /// The type leaves it open.
  case open

  /// Reads the spellings of pgvector's SQLAlchemy type, of libSQL and Turso, and of sqlite-vec.
  init(type: String) {
    let pattern = #/\s*([A-Z_][A-Z0-9_]*)\s*(?:([(\[])\s*(\d+)\s*[)\]])?\s*/#.ignoresCase()
    guard let match = try? pattern.wholeMatch(in: type) else {
      self = .open
      return
    }
    let name = match.1.uppercased()
    let dimensions = match.3.flatMap { Int($0) }
    let isBracketed = match.2 == "["
    switch name {
    case "VECTOR": self = .known(.json, dimensions: dimensions)
    case "JSON": self = .known(.json, dimensions: nil)
    case "BLOB": self = .known(.float32, dimensions: nil)
    case "F32_BLOB", "FLOAT32": self = .known(.float32, dimensions: dimensions)
    // `FLOAT(8)` is a number of that precision.
    case "FLOAT", "F32": self = isBracketed ? .known(.float32, dimensions: dimensions) : .open
    default:
      let numbers = Self.otherNumbers[name]
      self = numbers.map { dimensions != nil || name.hasSuffix("_BLOB") ? .unsupported($0) : .open } ?? .open
    }
  }

  /// The dimensions that it declares; nil where it leaves them open.
  var dimensions: Int? { if case .known(_, let dimensions) = self { dimensions } else { nil } }

  private static let otherNumbers = [
    "F64_BLOB": "64-bit floats", "FLOAT64": "64-bit floats", "F16_BLOB": "16-bit floats", "FLOAT16": "16-bit floats",
    "FB16_BLOB": "16-bit floats", "FLOATB16": "16-bit floats", "F8_BLOB": "8-bit numbers", "FLOAT8": "8-bit numbers",
    "F1BIT_BLOB": "single bits", "FLOAT1BIT": "single bits", "INT8": "8-bit numbers", "BIT": "single bits",
  ]
}
