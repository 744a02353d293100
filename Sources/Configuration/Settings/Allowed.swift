import Foundation

/// What a parameter takes; nothing is converted, guessed or trimmed.
package enum Allowed: Hashable, Sendable {
  case integer(ClosedRange<Int>)
  case number(ClosedRange<Double>)
  case boolean
  case choice([String])
  /// Text on one line.
  case text
  /// Text on any number of lines, or none.
  case phrase
  case path
  /// Printable ASCII without white space.
  case word
  /// A secret of printable ASCII without white space, as an HTTP header carries it.
  case key
  /// A secret connection string.
  case database
  /// An http(s) URL that holds no credential, query or fragment.
  case webURL
  /// A proxy's URL, whose password is a secret.
  case proxy
  /// HTTP headers, in files only.
  case headers
  /// Fields of a JSON object, in files only.
  case object
}

extension Allowed: CustomStringConvertible {
  package var description: String {
    switch self {
    case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .number(let range):
      "a number from \(range.lowerBound.formattedPlainly) to \(range.upperBound.formattedPlainly)"
    case .boolean: "true or false"
    case .choice(let words): "one of \(words.joined(separator: ", "))"
    case .text: "text on one line"
    case .phrase: "text, or \"\" for none"
    case .path: "a path"
    case .word, .key: "printable ASCII without white space"
    case .database: "a database URL or a libpq connection string on one line"
    case .webURL: "http(s)://host[:port][/path] without user, password, query or fragment"
    case .proxy: "http(s), socks5 or socks5h://[user:password@]host[:port]"
    case .headers: "a mapping of names to texts, in which `${NAME}` is a variable"
    case .object: "a mapping, as JSON has it"
    }
  }
}

extension Allowed {
  /// Reads a flag's or a variable's text; nil where it is not allowed.
  package func value(of text: String) -> SettingValue? {
    switch self {
    case .integer(let range):
      guard let number = Int(digits: text), range.contains(number) else { return nil }
      return .integer(number)
    case .number(let range):
      guard let number = Double(decimal: text), range.contains(number) else { return nil }
      return .number(number)
    case .boolean:
      return Bool(text).map(SettingValue.boolean)
    case .choice(let words):
      return words.contains(text) ? .text(text) : nil
    case .text, .path:
      return text.isOneLine ? .text(text) : nil
    case .phrase:
      return text.contains("\0") ? nil : .text(text)
    case .word:
      return text.isWord ? .text(text) : nil
    case .key:
      return text.isWord ? .secret(Secret(key: text)) : nil
    case .database:
      return text.isOneLine ? .secret(Secret(connection: text)) : nil
    case .webURL:
      return Self.isWebURL(text, schemes: ["http", "https"], allowingUser: false) ? .text(text) : nil
    case .proxy:
      let isProxy = Self.isWebURL(text, schemes: ["http", "https", "socks5", "socks5h"], allowingUser: true)
      return isProxy ? .secret(Secret(connection: text)) : nil
    case .headers, .object:
      return nil
    }
  }

  private static func isWebURL(_ text: String, schemes: [String], allowingUser: Bool) -> Bool {
    guard text.isWord, let url = URLComponents(string: text),
      let scheme = url.scheme?.lowercased(), schemes.contains(scheme), let host = url.host, !host.isEmpty
    else { return false }
    let isAnonymous = url.user == nil && url.password == nil
    return (allowingUser || isAnonymous) && (1...65535).contains(url.port ?? 80) && url.query == nil
      && url.fragment == nil
  }
}

extension Int {
  /// A number written in decimal digits only; nil for anything else.
  init?(digits text: String) {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), text == "0" || !text.hasPrefix("0")
    else { return nil }
    self.init(text)
  }
}

extension Double {
  /// A number written in decimal digits with at most one point between them; nil for anything else.
  init?(decimal text: String) {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }) else { return nil }
    self.init(text)
  }
}

extension String {
  /// Whether it is printable ASCII without white space, and not empty.
  var isWord: Bool {
    !isEmpty && utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  /// Whether it is text on one line: not blank, and without a control character.
  var isOneLine: Bool {
    let scalars = unicodeScalars
    return scalars.contains { !$0.properties.isWhitespace }
      && !scalars.contains { $0.properties.generalCategory == .control || $0 == "\u{2028}" || $0 == "\u{2029}" }
  }
}
