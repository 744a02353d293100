import Backfill

@testable import Configuration

extension ProviderSettings {
  /// What a request says beside model, texts, dimensions and encoding.
  func fields(for role: EmbeddingRole) -> [String: JSONValue] {
    Self.fields(send, role == .document ? document : query, body)
  }
}
