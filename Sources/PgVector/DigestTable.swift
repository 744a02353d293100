import Backfill

/// The table of the digests of a source's texts, in vecfill's own keeping: for `edits: {digest: table}`.
///
/// It is in the schema of the source's table, and has the columns of its key and `digest`. Its name says of which column it
/// is, so that it comes along with a dump.
package enum DigestTable {
  package static func name(of source: Source) -> String {
    "vecfill_digest_\(IndexName.stem(of: source, longest: 44))"
  }

  package static let column = "digest"
}
