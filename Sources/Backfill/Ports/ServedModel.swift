/// A server's own name for the model, where its replies have another than the one asked for: an alias, a file's name. Only a
/// digest of it is kept, since a server can send anything as a name (P10).
package struct ServedModel: Hashable, Sendable, Codable {
  /// Of the name as names are compared, which may differ from reply to reply in its spelling.
  package let digest: String

  package init(digest: String) {
    self.digest = digest
  }
}
