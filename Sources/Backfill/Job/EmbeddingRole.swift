/// What a text is embedded for. Several models embed a question otherwise than the texts that answer it.
package enum EmbeddingRole: String, Sendable, CaseIterable {
  /// A text that is stored and found.
  case document
  /// The words of a search.
  case query
}
