import Backfill
import Yams

/// A value in a YAML file that knows where it stands, read strictly: a quoted number is text, `yes` is no boolean.
struct YAMLValue {
  let node: Node
  /// The file's path as a person reads it.
  let file: String
  /// The value's key path, e.g. "sources[1].table"; empty for the root.
  let path: String

  var line: Int { node.mark?.line ?? 1 }

  /// "file:line:column".
  var place: String { node.mark.map { "\(file):\($0)" } ?? file }

  /// The failure that says what must stand here instead.
  func refusal(_ allowed: some CustomStringConvertible, remedy: String? = nil) -> Failure {
    Failure(
      .configuration, place, "\(path.isEmpty ? "the file" : path) must be \(allowed), not \(found)", remedy: remedy)
  }

  func list(of what: String) throws(Failure) -> [YAMLValue] {
    guard let sequence = node.sequence else { throw refusal("a list of \(what)") }
    return sequence.enumerated().map { YAMLValue(node: $1, file: file, path: "\(path)[\($0)]") }
  }

  /// - Parameter begin: what to do about a file that is no mapping; nil where its keys are few enough to be listed.
  func mapping(keys: [String], orElse begin: String? = nil) throws(Failure) -> YAMLMapping {
    guard node.mapping != nil else {
      throw refusal(begin == nil ? "a mapping of \(keys.joined(separator: ", "))" : "a mapping", remedy: begin)
    }
    return try YAMLMapping(self, keys: keys)
  }

  var isMapping: Bool { node.mapping != nil }
  var isNull: Bool { tag == .null }
  var isList: Bool { node.sequence != nil }

  /// Text on any number of lines that is not blank, and no secret unless it may be one.
  func text(mayBeSecret: Bool = false) throws(Failure) -> String {
    guard let text = unquotedText ?? quotedText else {
      let isOtherScalar = node.scalar != nil && tag != .null
      throw refusal("text", remedy: isOtherScalar ? "put it in quotes" : nil)
    }
    guard !text.contains("\0") else {
      throw Failure(.configuration, place, "\(path) holds a NUL character", remedy: "take it out")
    }
    guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else {
      throw Failure(.configuration, place, "\(path) must be text, not blank")
    }
    return mayBeSecret ? text : try noSecret(text)
  }

  /// Text that may be blank or nothing at all, and no secret.
  func phrase() throws(Failure) -> String {
    guard let text = unquotedText ?? quotedText, !text.contains("\0") else {
      throw refusal(Allowed.phrase, remedy: node.scalar != nil && tag != .null ? "put it in quotes" : nil)
    }
    return try noSecret(text)
  }

  func noSecret(_ text: String) throws(Failure) -> String {
    guard !SecretKeys.looksSecret(text) else {
      throw Failure(
        .configuration, place, "\(path) holds what looks like a password or a key",
        remedy: "take it out: secrets belong in the environment or in .env")
    }
    return text
  }

  /// Text that `allowed` takes.
  func text(_ allowed: Allowed, mayBeSecret: Bool = false) throws(Failure) -> String {
    if case .choice = allowed, unquotedText ?? quotedText == nil { throw refusal(allowed) }
    let text = try text(mayBeSecret: true)
    guard allowed.value(of: text) == nil else { return mayBeSecret ? text : try noSecret(text) }
    var remedy: String?
    if case .choice(let words) = allowed {
      remedy = Spelling.nearest(to: text, in: words).map { "did you mean \($0)?" }
    }
    throw Failure(.configuration, place, "\(path) must be \(allowed)", remedy: remedy)
  }

  func integer(_ range: ClosedRange<Int>) throws(Failure) -> Int {
    guard let digits = try digits(Allowed.integer(range)), let number = Int(digits: digits), range.contains(number)
    else { throw refusal(Allowed.integer(range)) }
    return number
  }

  func number(_ range: ClosedRange<Double>) throws(Failure) -> Double {
    guard let digits = try digits(Allowed.number(range)), let number = Double(decimal: digits), range.contains(number)
    else { throw refusal(Allowed.number(range)) }
    return number
  }

  func boolean() throws(Failure) -> Bool {
    guard tag == .bool, let word = plainText, let value = Bool(word) else { throw refusal(Allowed.boolean) }
    return value
  }

  /// Reads what a parameter takes.
  func value(_ allowed: Allowed) throws(Failure) -> SettingValue {
    switch allowed {
    case .integer(let range): .integer(try integer(range))
    case .number(let range): .number(try number(range))
    case .boolean: .boolean(try boolean())
    case .choice, .text, .path, .word, .webURL: .text(try text(allowed))
    case .phrase: .text(try phrase())
    case .headers: .headers(try headers())
    case .object: .object(try addedFields())
    case .key: .secret(Secret(key: try text(allowed, mayBeSecret: true)))
    case .database, .proxy: .secret(Secret(connection: try text(allowed, mayBeSecret: true)))
    }
  }

  /// A plain number as it is written; nil for anything else. Refuses a number in quotes by saying so.
  private func digits(_ allowed: Allowed) throws(Failure) -> String? {
    if let quotedText, allowed.value(of: quotedText) != nil {
      throw refusal(allowed, remedy: "leave the quotes out")
    }
    return tag == .int || tag == .float ? plainText : nil
  }

  var tag: Tag.Name { Tag.Name(rawValue: node.tag.rawValue) }

  var plainText: String? {
    node.scalar.flatMap { $0.style == .plain ? $0.string : nil }
  }

  var quotedText: String? {
    node.scalar.flatMap { $0.style != .plain && tag == .str ? $0.string : nil }
  }

  /// Plain text that is nothing else in YAML; a date is text too, as in `api_version: 2024-10-21`.
  var unquotedText: String? {
    tag == .str || tag == .timestamp ? plainText : nil
  }

  /// What stands here, told without showing any text.
  private var found: String {
    switch tag {
    case .null: "nothing"
    case .int, .float, .bool: plainText.map { String($0.prefix(24)) } ?? "text"
    case .map: "a mapping"
    case .seq: "a list"
    default: "text"
    }
  }
}
