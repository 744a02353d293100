import Foundation

/// A reply, whatever its status.
package struct HTTPResponse: Sendable {
  package let status: Int
  package let headers: HTTPHeaders
  package let body: Data
  /// Whether the body was longer than the request's `maxReplyBytes` and was cut there.
  package let isCut: Bool
}

/// A reply's headers, found by their names whatever the case.
package struct HTTPHeaders: Sendable, Equatable {
  private var values: [String: String] = [:]

  package init() {}

  package init(_ pairs: KeyValuePairs<String, String>) {
    for (name, value) in pairs { self.add(name, value) }
  }

  /// The first value of the header `name`, which must be in lower case.
  package subscript(name: String) -> String? { values[name] }

  mutating func add(_ name: some StringProtocol, _ value: some StringProtocol) {
    let name = name.lowercased()
    if values[name] == nil { values[name] = value.trimmingCharacters(in: .whitespacesAndNewlines) }
  }
}
