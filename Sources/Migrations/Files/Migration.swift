import Backfill

/// A numbered change of the database, with the way back where there is one.
package struct Migration: Hashable, Sendable {
  package let version: Int
  /// Its words, e.g. "vector_extension".
  package let name: String
  package let up: MigrationScript
  package let down: MigrationScript?
  /// Whether it is no more: a database that ran it is put right by `down`, and no other runs it.
  package let isWithdrawn: Bool

  package init(version: Int, name: String, up: MigrationScript, down: MigrationScript?) {
    self.init(version: version, name: name, up: up, down: down, isWithdrawn: false)
  }

  /// One that is no more, and what puts a database right that ran it.
  package init(withdrawn version: Int, name: String, _ script: MigrationScript) {
    self.init(version: version, name: name, up: script, down: script, isWithdrawn: true)
  }

  private init(version: Int, name: String, up: MigrationScript, down: MigrationScript?, isWithdrawn: Bool) {
    self.version = version
    self.name = name
    self.up = up
    self.down = down
    self.isWithdrawn = isWithdrawn
  }

  /// SHA-256 over the normalised SQL of both directions, in hexadecimal: comments and layout may change.
  package var checksum: String {
    let text = up.normalized + "\n\u{0}\n" + (down?.normalized ?? "")
    return TextDigest(of: text).bytes.hex
  }
}

extension Migration: CustomStringConvertible {
  package var description: String { "\(Self.digits(version))_\(name)" }

  /// A version as file names write it: "0001".
  static func digits(_ version: Int) -> String {
    let digits = String(version)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
