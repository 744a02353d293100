import Foundation

/// A reply's headers, found by their names whatever the case.
package struct HTTPHeaders: Sendable, Equatable {
  private var values: [String: String] = [:]

  init() {}

  /// The first value of the header `name`, which must be in lower case.
  package subscript(name: String) -> String? { values[name] }

  mutating func add(_ name: some StringProtocol, _ value: some StringProtocol) {
    let name = name.lowercased()
    if values[name] == nil { values[name] = value.trimmingCharacters(in: .whitespacesAndNewlines) }
  }
}
