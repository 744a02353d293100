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
    if key.contains("azure") { return "AZURE_OPENAI_API_KEY" }
    return key.contains("openai") ? "OPENAI_API_KEY" : "VECFILL_API_KEY"
  }

  /// Whether a header of this name carries a secret as a rule.
  static func isSecretHeader(_ name: String) -> Bool {
    let letters = name.lowercased().filter(\.isLetter)
    return variable(for: name) != nil || letters.hasSuffix("key") || letters.contains("cookie")
      || letters.contains("signature")
  }

  /// Whether a field of this name holds a secret where it holds text.
  static func isSecretField(_ name: String) -> Bool {
    variable(for: name) != nil && !name.lowercased().contains("tokens")
  }

  /// Whether `text`, which was given for something else, looks like an address with a password, or like a provider's key.
  package static func looksSecret(_ text: String) -> Bool {
    if text.contains("://") { return Secret(connection: text).isMasked }
    let bytes = text.utf8
    return bytes.contains { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ":") } && text.contains(assignment)
      || bytes.count > 16 && text.contains(providerKey)
  }

  /// Whether `name` looks secret, or holds what nobody would call something, as a key that slipped into a name's place: 16 or
  /// more letters of both cases with three groups of digits between them.
  static func looksSecret(name: String) -> Bool {
    let runs = name.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
    return looksSecret(name)
      || runs.contains { run in
        run.count >= 16 && run.contains(where: \.isLowercase) && run.contains(where: \.isUppercase)
          && run.split(whereSeparator: { !$0.isNumber }).count >= 3
      }
  }

  // Made once, since compiling one takes as long as reading a whole file. A `Regex` doesn't change, though it isn't marked
  // as Sendable.
  private nonisolated(unsafe) static let assignment =
    /(?i)(?:password|passwd|pwd|secret|token|api[-_]?key)["']?\s*[=:]\s*\S/
  private nonisolated(unsafe) static let providerKey =
    /\b(?:sk|pk|rk|pa|al|gsk|hf|jina|nvapi|xai|tgp)[-_][A-Za-z0-9_\-]{16,}|\bAIza[A-Za-z0-9_\-]{16,}/

  /// A key that nobody knows, as far as it may be told: letters of a word and no more, since a password or an API key
  /// that slipped into a key's place has others too.
  static func shown(_ key: String) -> String? {
    key.wholeMatch(of: /[A-Za-z_.<\-]+/) != nil && !looksSecret(key) ? key : nil
  }
}
