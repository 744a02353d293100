import Backfill

/// The names of indexes that vecfill makes.
package enum IndexName {
  /// `idx_TABLE_COLUMN_SUFFIX`, of at most PostgreSQL's 63 bytes.
  ///
  /// A digest distinguishes names that are cut or hold other characters than Latin letters and digits.
  package static func of(_ source: Source, _ suffix: String) -> OwnName {
    OwnName(of: source, prefix: "idx_", longest: 50, suffix: "_\(suffix)")
  }

  /// Words as a file's or an index's name takes them: Latin letters and digits in lower case, with `_` between.
  package static func plain(_ words: String) -> String {
    words.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }.joined(separator: "_")
  }

  /// Eight hexadecimal digits that stand for `words`.
  package static func digest(of words: String) -> String {
    Array(TextDigest(of: words).bytes.prefix(4)).hex
  }

  /// What the name of each index ends with.
  package enum Suffix {
    package static let missing = "missing"
    package static let newest = "newest"
    package static let edited = "edited"
    package static let vectors = "hnsw"
  }
}
