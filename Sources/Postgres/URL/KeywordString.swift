/// libpq's "keyword = value" pairs, values bare or in single quotes, with backslash escapes in both.
enum KeywordString {
  /// Throws a `Failure` that quotes nothing but names of options.
  static func parameters(of text: String) throws -> LibpqParameters {
    do {
      return try LibpqParameters(options(in: text))
    } catch  where text.utf8.contains(UInt8(ascii: ";")) && text.utf8.contains(UInt8(ascii: "=")) {
      throw DatabaseURL.refusal(
        "it seems to be a .NET or ODBC connection string",
        "write it without semicolons as host=HOST port=5432 dbname=DATABASE user=USER password=PASSWORD, or as "
          + "postgresql://USER:PASSWORD@HOST:5432/DATABASE")
    }
  }

  private static func options(in text: String) throws -> [ConnectionOption] {
    var rest = text.unicodeScalars[...].drop(while: isSpace)
    var options: [ConnectionOption] = []
    while !rest.isEmpty {
      let name = rest.prefix { $0 != "=" && !isSpace($0) }
      rest = rest[name.endIndex...].drop(while: isSpace)
      guard rest.popFirst() == "=", !name.isEmpty else { throw notReadable }
      rest = rest.drop(while: isSpace)
      let value = try takeValue(from: &rest)
      // A bare password with a space in it goes on as if it were the next keyword; and all of the text may be a password.
      options.append(
        ConnectionOption(String(name), value, isDoubtful: options.isEmpty || options.contains(where: \.isSecret)))
      rest = rest.drop(while: isSpace)
    }
    return options
  }

  private static func takeValue(from rest: inout Substring.UnicodeScalarView) throws -> String {
    var value = String.UnicodeScalarView()
    let isQuoted = rest.first == "'"
    if isQuoted { rest.removeFirst() }
    while let next = rest.first, isQuoted || !isSpace(next) {
      rest.removeFirst()
      if isQuoted, next == "'" { return String(value) }
      guard next == "\\" else {
        value.append(next)
        continue
      }
      if let escaped = rest.popFirst() { value.append(escaped) }
    }
    guard !isQuoted else { throw notReadable }
    return String(value)
  }

  private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar == " " || (0x09...0x0D).contains(scalar.value)
  }

  private static var notReadable: any Error {
    DatabaseURL.refusal(
      "it is neither a URL nor a keyword string that libpq understands",
      "\(DatabaseURL.form), or sqlite:///FILE for SQLite")
  }
}
