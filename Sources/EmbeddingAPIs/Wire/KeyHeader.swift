/// The header that carries a key.
package struct KeyHeader: Hashable, Sendable {
  package let name: String
  /// What stands before the key, with its space; often nothing.
  package let scheme: String

  package init(name: String, scheme: String = "") {
    self.name = name
    self.scheme = scheme
  }

  package static let bearer = KeyHeader(name: "Authorization", scheme: "Bearer ")
  /// Azure's.
  package static let apiKey = KeyHeader(name: "api-key")
  package static let googleAPIKey = KeyHeader(name: "x-goog-api-key")
}
