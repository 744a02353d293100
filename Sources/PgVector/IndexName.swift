import Backfill

/// The names of indexes that vecfill makes.
package enum IndexName {
  /// `idx_TABLE_COLUMN_SUFFIX`, of at most PostgreSQL's 63 bytes.
  ///
  /// A digest distinguishes names that are cut or hold other characters than Latin letters and digits.
  package static func of(_ source: Source, _ suffix: String) -> String {
    "idx_\(stem(of: source, longest: 50))_\(suffix)"
  }

  /// The table and the column in at most `longest` bytes.
  static func stem(of source: Source, longest: Int) -> String {
    let words = "\(source.table) \(source.vector)"
    let stem = plain(words)
    let isWhole = words.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == " ") }
    guard !isWhole || stem.utf8.count > longest else { return stem }
    return "\(stem.prefix(longest - 10))_\(digest(of: words))"
  }

  /// Words as a file's or an index's name takes them: Latin letters and digits in lower case, with `_` between.
  package static func plain(_ words: String) -> String {
    words.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }.joined(separator: "_")
  }

  /// Eight hexadecimal digits that stand for `words`.
  package static func digest(of words: String) -> String {
    Array(TextDigest(of: words).bytes.prefix(4)).hex
  }
}
