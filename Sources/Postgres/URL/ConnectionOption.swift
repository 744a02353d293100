/// A part or an option of a database's address, as it was written.
struct ConnectionOption: Equatable {
  let name: String
  let value: String
  /// Whether the name may be a piece of a password that wasn't quoted.
  let isDoubtful: Bool

  init(_ name: String, _ value: String, isDoubtful: Bool = false) {
    self.name = name
    self.value = value
    self.isDoubtful = isDoubtful
  }

  /// Whether an error may show its name. A name with a digit, or one that begins with "password", is not shown: it may be a
  /// password whose "=" was forgotten.
  var canBeNamed: Bool {
    !isDoubtful && Self.isPlainWord(name) && !name.utf8.contains { (0x30...0x39).contains($0) }
      && !key.hasPrefix("password")
  }

  /// X of an option that is written as PREFIX[X], as sqlx and Rails have them.
  func subscripted(_ prefix: String) -> String? {
    guard !isDoubtful, name.hasPrefix("\(prefix)["), name.hasSuffix("]") else { return nil }
    let inner = String(name.dropFirst(prefix.count + 1).dropLast())
    return Self.isPlainWord(inner) ? inner : nil
  }

  /// The name as the table of options has it: without case and separators.
  var key: String {
    String(
      String.UnicodeScalarView(name.lowercased().unicodeScalars.filter { !["_", "-", " "].contains($0) }))
  }

  /// Whether a piece of a password may stand behind it, where that holds a separator.
  var isSecret: Bool { key.hasSuffix("password") }

  private static func isPlainWord(_ name: String) -> Bool {
    let bytes = name.utf8
    func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) }
    return bytes.count <= 40 && bytes.first.map(isLetter) == true
      && bytes.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || "_-.".utf8.contains($0) }
  }
}
