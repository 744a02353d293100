/// What becomes of a row's vector when its text is edited: `edits` in a job's spec.
package enum Edits: String, CaseIterable, Hashable, Sendable, Codable {
  /// Nothing: the vector of the earlier text stays. The default.
  case ignore
  /// A trigger sets the vector to NULL, and the next run fills it.
  case clear
  /// A digest of the text is kept beside the vector, and vectors of an earlier text are replaced. They serve until then.
  case digest
}

extension Source {
  /// The column beside the vector that holds the SHA-256 of the text that the vector was made of: for `edits: digest`.
  ///
  /// NULL beside a vector says that nobody knows its text: it is taken for the present one. A value without a byte says
  /// that the text was edited since. PostgreSQL's names have at most 63 bytes: in a longer one a digest stands for the
  /// vector's name.
  package var digestColumn: String {
    guard sqliteDigestColumn.utf8.count > 63 else { return sqliteDigestColumn }
    let suffix = "_\(Array(TextDigest(of: vector).bytes.prefix(4)).hex)_digest"
    var stem = vector
    while stem.utf8.count + suffix.utf8.count > 63 { stem.removeLast() }
    return stem + suffix
  }

  /// As `digestColumn`, in SQLite, whose names have any length.
  package var sqliteDigestColumn: String { "\(vector)_digest" }

  /// The refusal of digests in a table of their own where the database is SQLite.
  package var noDigestTable: Failure {
    Failure(
      .configuration, name, "edits: {digest: table} needs PostgreSQL, and the database is SQLite",
      remedy: "say edits: digest, which adds a column, or edits: clear")
  }
}
