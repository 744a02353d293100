/// Only rows whose column has this value or a greater one are taken.
package struct Since: Hashable, Sendable, Codable {
  package let column: String
  /// A date, a time or a number, without quotes or backslashes.
  package let value: String

  package init(column: String, value: String) {
    self.column = column
    self.value = value
  }

  /// As a condition in SQL, the same for each engine.
  package var condition: String {
    // By scalars: to a String a quote with a combining mark behind it is another character.
    let name = column.unicodeScalars.map { $0 == "\"" ? "\"\"" : "\($0)" }.joined()
    return "\"\(name)\" >= '\(value)'"
  }
}
