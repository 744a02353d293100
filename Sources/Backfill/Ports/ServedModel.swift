/// The name that a server's replies give the model: the one asked for, an alias, a file's name. Only a digest of it is kept,
/// since a server can send anything as a name (P10).
package struct ServedModel: Hashable, Sendable, Codable {
  /// Of the normalised name, since its spelling may vary.
  package let digest: String

  package init(digest: String) {
    self.digest = digest
  }
}
