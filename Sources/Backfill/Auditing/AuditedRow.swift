/// What a row holds in its vector column, as far as that can be told without its text or its vector.
package struct AuditedRow: Equatable, Sendable {
  package enum Content: Equatable, Sendable {
    /// No vector; `isBlank` where its text is blank or NULL, so that it needs none.
    case missing(isBlank: Bool)
    /// A value that is no vector, or can't be read.
    case broken
    case vector(VectorFacts)
  }

  package let key: RowKey
  package let content: Content

  package init(key: RowKey, content: Content) {
    self.key = key
    self.content = content
  }
}

/// The facts about a vector and the text beside it.
package struct VectorFacts: Equatable, Sendable {
  package let dimensions: Int
  /// Its Euclidean length; infinite or NaN where a value is not finite.
  package let length: Double
  /// 16 bytes that are the same for the same vector.
  package let vectorTag: [UInt8]
  /// 16 bytes that are the same for texts that differ in letters' case and outer white space alone; nil where there is
  /// no text.
  package let textTag: [UInt8]?
  /// The bytes of the text; 0 where there is none.
  package let textBytes: Int
  /// Whether the text has a U+000A.
  package let hasNewline: Bool
  /// Whether the digest that is kept beside the vector is of another text; nil where none is kept.
  package let isStale: Bool?

  package init(
    dimensions: Int, length: Double, vectorTag: [UInt8], textTag: [UInt8]?, textBytes: Int, hasNewline: Bool,
    isStale: Bool? = nil
  ) {
    self.dimensions = dimensions
    self.length = length
    self.vectorTag = vectorTag
    self.textTag = textTag
    self.textBytes = textBytes
    self.hasNewline = hasNewline
    self.isStale = isStale
  }
}

/// A window of a table's rows.
package struct AuditedWindow: Equatable, Sendable {
  /// Those that meet the source's condition.
  package let rows: [AuditedRow]
  /// The key behind which the next window begins; nil at the table's end.
  package let continuesAfter: RowKey?

  package init(_ rows: [AuditedRow], continuesAfter: RowKey?) {
    self.rows = rows
    self.continuesAfter = continuesAfter
  }
}

/// A row whose text is embedded again and compared with the vector that it has.
package struct SampledRow: Equatable, Sendable {
  package let key: RowKey
  package let text: String
  package let vector: [Float]

  package init(key: RowKey, text: String, vector: [Float]) {
    self.key = key
    self.text = text
    self.vector = vector
  }
}
