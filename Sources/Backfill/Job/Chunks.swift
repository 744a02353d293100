/// The table beside a source's own that holds the pieces of its texts, and how the texts are cut.
package struct Chunks: Hashable, Sendable, Codable {
  /// The default is the source's.
  package var schema: String?
  package var table: String
  package var cutting: Cutting

  package init(schema: String? = nil, table: String, cutting: Cutting = Cutting()) {
    self.schema = schema
    self.table = table
    self.cutting = cutting
  }

  /// The table's columns beside the key's and the vector's.
  package static let columns = ["number", "start", "end", "digest"]
}

/// How a text is cut into pieces: a part of what a column's vectors are made of (P4).
package struct Cutting: Hashable, Sendable, Codable {
  /// The most tokens of a piece as it is sent, its prefix included. The default is 400.
  package let tokens: Int
  /// How many tokens of a piece's end the next one begins with, at most. The default is 40.
  package let overlap: Int
  /// Grows whenever the same text would be cut in another way.
  package let version: Int

  package init(tokens: Int = 400, overlap: Int = 40, version: Int = Cutting.version) {
    self.tokens = tokens
    self.overlap = overlap
    self.version = version
  }

  package static let version = 1
  /// With fewer, a single character may be more than a piece.
  package static let leastTokens = 16
}

extension Source {
  /// The column that it fills, as a person writes it: "table.column".
  package var column: String { "\(home.name).\(vector)" }

  /// Where its vectors are: itself, or the table of its pieces, a row for each.
  package var home: Source {
    guard let chunks else { return self }
    // No row of it lacks a vector, so its text is never asked for.
    return Source(
      schema: chunks.schema ?? schema, table: chunks.table, keys: keys + ["number"], text: .sql("'a piece'"),
      vector: vector)
  }

  /// Throws where texts are cut into pieces: `command` looks at vectors of whole texts.
  package func checkNotCut(for command: String) throws(Failure) {
    guard chunks != nil else { return }
    throw Failure(
      .configuration, name, "its texts are cut into pieces, which vecfill \(command) knows nothing of",
      remedy: "leave it out of the job that is given; see docs/chunks.md")
  }

  /// The refusal of texts that are cut into pieces where the database is SQLite.
  package var noPieces: Failure {
    Failure(
      .configuration, name, "its texts can't be cut into pieces in SQLite",
      remedy: "leave chunks: out of the job, or use PostgreSQL")
  }
}
