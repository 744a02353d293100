import Backfill
import Postgres

/// The table of the digests of a source's texts, in vecfill's own keeping: for `edits: {digest: table}`.
///
/// It is in the schema of the source's table, and has the columns of its key and `digest`. Its name says of which column it
/// is, so that it comes along with a dump; and where other columns' names make the same one, its comment.
package enum DigestTable {
  package static func name(of source: Source) -> OwnName {
    OwnName(of: source, prefix: "vecfill_digest_", longest: 44)
  }

  package static let column = "digest"

  /// What it says of itself.
  package static func comment(of source: Source) -> String {
    "vecfill: the digests of \(source.table.quotedIdentifier).\(source.vector.quotedIdentifier)"
  }
}
