import Foundation

/// What a database's address is by its beginning: a URL with its scheme, or none.
struct URLForm {
  /// In lower case, without a driver's name behind a "+"; nil where it is no URL.
  private(set) var scheme: String?
  /// Whether "jdbc:" or "r2dbc:" stood before it.
  private(set) var isJava = false
  /// What stands behind the scheme and its colon.
  private(set) var opaque: Substring

  init(_ text: String) {
    opaque = text[...]
    while let (name, rest) = Self.cutScheme(opaque) {
      opaque = rest
      if name == "jdbc" || name == "r2dbc" || isJava && name == "pool" {
        isJava = true
        continue
      }
      // Prisma's "+postgres" is no driver.
      scheme = name == "prisma+postgres" ? name : name.split(separator: "+").first.map(String.init) ?? name
      return
    }
  }

  /// What stands behind "://"; nil where the slashes are missing.
  var hierarchy: Substring? { opaque.utf8.starts(with: "//".utf8) ? opaque.dropFirst(2) : nil }

  private static func cutScheme(_ text: Substring) -> (String, Substring)? {
    let letters = text.utf8.prefix { byte in
      let letter = Unicode.Scalar(byte)
      return letter.isASCII && letter.properties.isAlphabetic || (0x30...0x39).contains(byte)
        || "+-._".utf8.contains(byte)
    }
    guard let first = letters.first, Unicode.Scalar(first).properties.isAlphabetic,
      letters.endIndex < text.endIndex, text.utf8[letters.endIndex] == UInt8(ascii: ":")
    else { return nil }
    return (Substring(letters).lowercased(), text[text.utf8.index(after: letters.endIndex)...])
  }
}

extension Substring {
  /// What stands before the first of `separators` (ASCII), and from it on. Bytes are compared, as libpq does: a
  /// combining mark behind a separator hides nothing.
  func cut(before separators: String) -> (head: Substring, rest: Substring) {
    let end = utf8.firstIndex { separators.utf8.contains($0) } ?? endIndex
    return (self[..<end], self[end...])
  }

  func parts(at separator: Character) -> [Substring] {
    utf8.split(omittingEmptySubsequences: false) { $0 == separator.asciiValue }.map { Substring($0) }
  }

  func holds(_ characters: String) -> Bool { utf8.contains { characters.utf8.contains($0) } }

  /// nil where a "%" isn't followed by two hexadecimal digits, or where they make no UTF-8 or a NUL.
  var percentDecoded: String? {
    String(self).removingPercentEncoding.flatMap { $0.utf8.contains(0) ? nil : $0 }
  }
}
