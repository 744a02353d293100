/// A server's own name for the model, where its replies have another than the one asked for: an alias, a file's name.
package struct ServedModel: Hashable, Sendable, Codable {
  /// A digest of the name as names are compared, which may differ from reply to reply in its spelling.
  package let digest: String
  /// The name, where it may be shown.
  package let name: String?

  package init(digest: String, name: String?) {
    self.digest = digest
    self.name = name
  }

  /// As a person reads it.
  package var shown: String { name ?? ServedModel.hidden }

  /// In place of a name that may hold what nobody should read.
  package static let hidden = "(a name that can't be shown)"
}
