import Foundation

extension Secret {
  /// A key or token, of which only the length is shown.
  package init(key: String) {
    self.init(key, shownAs: "set (\(key.count) characters)")
  }

  /// A URL or a libpq keyword string, shown without the passwords in it.
  ///
  /// Where it can't be taken apart with certainty, more is hidden than is secret, never less.
  package init(connection: String) {
    self.init(connection, shownAs: Redaction.connection(connection))
  }

  /// Whether a part of it may not be shown, as a password.
  var isMasked: Bool { redacted.contains(Redaction.mask) }
}

private enum Redaction {
  static let mask = "***"

  static func connection(_ text: String) -> String {
    guard let scheme = text.range(of: "://") else { return keywords(text) }
    let prefix = text[..<scheme.upperBound]
    let rest = String(text[scheme.upperBound...])
    let shown = withoutQueryPasswords(rest)
    // A file's path may hold what looks like a password, but SQLite has none unless a host's place is taken.
    if prefix.lowercased().hasPrefix("sqlite"), rest.first == "/" { return prefix + shown }
    guard rest.contains("@"), !shown.contains("@"), let colon = shown.firstIndex(of: ":") else {
      return prefix + withoutUserPassword(shown)
    }
    // The only "@" went with a password of the query: it may have ended another one before.
    return prefix + shown[...colon] + mask + shown[(shown.firstIndex(of: "?") ?? shown.endIndex)...]
  }

  /// Everything from the first colon to the last "@" may be a password, whatever was left unescaped in it.
  private static func withoutUserPassword(_ rest: String) -> String {
    guard let at = rest.lastIndex(of: "@"), let colon = rest[..<at].firstIndex(of: ":") else { return rest }
    return rest[...colon] + mask + rest[at...]
  }

  private static func withoutQueryPasswords(_ rest: String) -> String {
    guard let question = rest.firstIndex(of: "?") else { return rest }
    var shown: [Substring] = []
    var isBehindSecret = false
    for pair in rest[rest.index(after: question)...].split(separator: "&", omittingEmptySubsequences: false) {
      guard let equals = pair.firstIndex(of: "=") else {
        // No name: a piece of the value before it, if that one held an unescaped "&".
        if !isBehindSecret { shown.append(pair) }
        continue
      }
      let name = pair[..<equals]
      let isSecret = isSecret(name.removingPercentEncoding ?? String(name))
      // Behind a secret that held an unescaped "&", even a name may be a piece of it.
      if isBehindSecret, !isSecret, !harmless.contains(String(name)) { continue }
      isBehindSecret = isBehindSecret || isSecret
      // No option that is shown needs these characters: what has them may be a password in its place. An "@" stays, since
      // all before the last one is hidden below.
      let isOdd = pair[pair.index(after: equals)...].contains { "#%".contains($0) }
      shown.append(isSecret || isOdd ? name + "=" + mask : pair)
    }
    return rest[...question] + shown.joined(separator: "&")
  }

  /// libpq's "keyword = value" pairs, values bare or in single quotes, with backslash escapes in both.
  private static func keywords(_ text: String) -> String {
    var shown = ""
    var isBehindSecret = false
    var isUnderstood = false
    var rest = text[...]
    while !rest.isEmpty {
      if rest.first?.isWhitespace == true {
        rest.removeFirst()
        continue
      }
      guard let equals = rest.firstIndex(of: "=") else { return mask }
      let name = rest[..<equals].trimmingCharacters(in: .whitespaces)
      guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) else { return mask }
      rest = rest[rest.index(after: equals)...].drop(while: \.isWhitespace)
      // With a semicolon in it, it is another library's string, which may hold a password too.
      guard let value = takeValue(from: &rest), isSecret(name) || !value.contains(";") else { return mask }
      guard !isBehindSecret || isSecret(name) || harmless.contains(name) else { return mask }
      isBehindSecret = isBehindSecret || isSecret(name)
      isUnderstood = isUnderstood || isBehindSecret || harmless.contains(name)
      shown += (shown.isEmpty ? "" : " ") + name + "=" + (isSecret(name) ? mask : String(value))
    }
    // Without a keyword that is one, all of it may be a password.
    return isUnderstood ? shown : mask
  }

  /// The value at the start of `rest` as it is written; nil for a quote that is never closed.
  private static func takeValue(from rest: inout Substring) -> Substring? {
    let isQuoted = rest.first == "'"
    var index = rest.startIndex
    if isQuoted { index = rest.index(after: index) }
    while index < rest.endIndex {
      let character = rest[index]
      if !isQuoted, character.isWhitespace { break }
      index = rest.index(after: index)
      if character == "\\", index < rest.endIndex {
        index = rest.index(after: index)
      } else if isQuoted, character == "'" {
        let value = rest[..<index]
        rest = rest[index...]
        return value
      }
    }
    if isQuoted { return nil }
    let value = rest[..<index]
    rest = rest[index...]
    return value
  }

  /// The options that are shown behind a secret too: no piece of a password is taken for one of them.
  private static let harmless: Set<String> = [
    "host", "hostaddr", "port", "dbname", "database", "user", "service", "sslmode", "ssl", "sslrootcert",
    "channel_binding", "connect_timeout", "target_session_attrs", "application_name", "schema", "pgbouncer",
  ]

  /// libpq's own secret options are `password`, `sslpassword`, `oauth_client_secret`, `scram_client_key` and
  /// `scram_server_key`; the others are what other clients call theirs.
  private static func isSecret(_ name: String) -> Bool {
    let name = name.lowercased()
    if ["key", "hexkey", "pass", "passphrase", "auth"].contains(name) { return true }
    return ["password", "passwd", "pwd", "secret", "token", "_key", "apikey", "api-key"].contains { name.contains($0) }
  }
}
