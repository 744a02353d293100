import Backfill

/// The name of an object that vecfill makes for a column. `a.b_c` and `a_b.c` give the same plain name, so there is an exact
/// one too.
package struct OwnName: Hashable, Sendable {
  /// Of the table's and the column's words: taken where it is free, or theirs already.
  package let plain: String
  /// With a digest of both: no other column's.
  package let exact: String

  /// PREFIX, then the table and the column in at most `longest` bytes, then SUFFIX.
  init(of source: Source, prefix: String, longest: Int, suffix: String = "") {
    let words = "\(source.table) \(source.vector)"
    let stem = IndexName.plain(words)
    func cut(_ digested: String) -> String { "\(stem.prefix(longest - 10))_\(IndexName.digest(of: digested))" }
    let isWhole = words.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == " ") }
    plain = prefix + (isWhole && stem.utf8.count <= longest ? stem : cut(words)) + suffix
    exact = prefix + cut("\(source.table)\u{0}\(source.vector)") + suffix
  }

  /// The one that it has, or gets.
  ///
  /// - Parameters:
  ///   - isFree: whether the plain one is to be had where it isn't there.
  ///   - isOwn: whether a name that is there is this column's; nil for one that isn't there.
  package func chosen(isFree: Bool = true, by isOwn: (String) -> Bool?) -> String {
    isOwn(exact) == nil && isOwn(plain) ?? isFree ? plain : exact
  }

  /// Whether another name among `all` makes the same words as one of `columns`.
  package static func rivals(of columns: [String], among all: [String]) -> Bool {
    let words = Set(columns.map(IndexName.plain))
    return all.contains { !columns.contains($0) && words.contains(IndexName.plain($0)) }
  }

  package var both: [String] { [plain, exact] }
}
