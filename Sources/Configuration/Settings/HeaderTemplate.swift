import Backfill
import Foundation

/// A header that a job adds to each request. Its value may name variables, as `${CF_ACCESS_TOKEN}`, which are secret.
package struct HeaderTemplate: Hashable, Sendable {
  package enum Part: Hashable, Sendable {
    case text(String)
    case variable(String)
  }

  package let name: String
  package let parts: [Part]

  /// nil where `value` has a "${" that is not the beginning of a variable's name in braces.
  init?(name: String, value: String) {
    self.name = name
    var parts: [Part] = []
    var rest = value[...]
    while let start = rest.range(of: "${") {
      if start.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<start.lowerBound]))) }
      guard let end = rest[start.upperBound...].firstIndex(of: "}") else { return nil }
      let variable = rest[start.upperBound..<end]
      guard variable.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_]*/) != nil else { return nil }
      parts.append(.variable(String(variable)))
      rest = rest[rest.index(after: end)...]
    }
    if !rest.isEmpty { parts.append(.text(String(rest))) }
    self.parts = parts
  }

  /// The header as it is sent.
  ///
  /// Throws a `Failure` with `.configuration` where a variable is not set, or holds what no header can carry.
  ///
  /// - Parameter place: where the header stands.
  func resolved(_ variables: Variables, place: String) throws(Failure) -> ProviderSettings.Header {
    var value = ""
    for part in parts {
      switch part {
      case .text(let text): value += text
      case .variable(let variable):
        guard let (text, origin) = variables.value(of: variable) else {
          throw Failure(
            .configuration, variable, "is not set, and the header \(name) of \(place) needs it",
            remedy: "set it in the environment or in .env")
        }
        guard text.isHeaderValue else {
          throw Failure(.configuration, origin.place, "\(variable) must be printable ASCII, as a header carries it")
        }
        value += text
      }
    }
    return ProviderSettings.Header(name: name, value: Secret(value, shownAs: description))
  }
}

extension HeaderTemplate: CustomStringConvertible {
  /// Its value with the variables' names.
  package var description: String {
    parts.map {
      switch $0 {
      case .text(let text): text
      case .variable(let name): "${\(name)}"
      }
    }.joined()
  }
}

extension String {
  /// Whether it is printable ASCII with spaces at most inside.
  var isHeaderValue: Bool {
    utf8.allSatisfy { (0x20...0x7E).contains($0) } && first != " " && last != " "
  }
}
