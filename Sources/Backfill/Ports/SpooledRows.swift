import Foundation

/// The rows of a reply in the database's spool, for who only asks which rows are paid for.
package struct SpooledRows: Sendable {
  /// As in `SpoolEntry`.
  package let format: Int
  package let fingerprint: String
  package let key: String
  package let contents: Data

  package init(format: Int, fingerprint: String, key: String, contents: Data) {
    self.format = format
    self.fingerprint = fingerprint
    self.key = key
    self.contents = contents
  }
}
