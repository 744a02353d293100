/// Keys that people put secrets under.
enum SecretKeys {
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
}
