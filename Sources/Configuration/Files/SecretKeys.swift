/// What people call secrets, and what secrets look like.
package enum SecretKeys {
  /// The environment's variable that the secret belongs in; nil where `key` doesn't look like one.
  static func variable(for key: String) -> String? {
    let key = key.lowercased().filter { $0.isLetter }
    if [
      "database", "databaseurl", "databasepassword", "dsn", "dburl", "dbpassword", "password", "pgpassword", "passwd",
    ]
    .contains(key) {
      return "DATABASE_URL"
    }
    guard
      ["apikey", "secret", "token", "password", "credential", "authorization", "bearer"].contains(where: key.contains)
    else { return nil }
    return key.contains("azure") ? "AZURE_OPENAI_API_KEY" : "OPENAI_API_KEY"
  }

  /// Whether `text`, which was given for something else, looks like an address with a password, or like a provider's key.
  package static func looksSecret(_ text: String) -> Bool {
    if text.contains("://") { return Secret(connection: text).isMasked }
    let mayAssign = text.utf8.contains { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ":") }
    if mayAssign, text.contains(assignment) { return true }
    return text.utf8.count > mostBytesOfNoKey && text.contains(key)
  }

  // Made once: each value of each file is looked at, and making them takes longer than all the rest of reading a file.
  // Nothing changes them, but `Regex` is not declared as Sendable.
  private nonisolated(unsafe) static let assignment =
    /(?i)(?:password|passwd|pwd|secret|token|api[-_]?key)["']?\s*[=:]\s*\S/
  private nonisolated(unsafe) static let key =
    /\b(?:sk|pk|rk|pa|al|gsk|hf|jina|nvapi|xai|tgp)[-_][A-Za-z0-9_\-]{16,}|\bAIza[A-Za-z0-9_\-]{16,}/
  /// The shortest that `key` takes has a byte more.
  private static let mostBytesOfNoKey = 18

  /// A key that nobody knows, as far as it may be told: letters of a word and no more, since a password or an API key
  /// that slipped into a key's place has others too.
  static func shown(_ key: String) -> String? {
    key.wholeMatch(of: /[A-Za-z_.<\-]+/) != nil && !looksSecret(key) ? key : nil
  }
}
