/// A credential, which printing and dumping never show.
package struct APIKey: Sendable, Equatable {
  let value: String

  package init(_ value: String) {
    self.value = value
  }
}

extension APIKey: CustomStringConvertible, CustomReflectable {
  package var description: String { "(secret)" }

  package var customMirror: Mirror { Mirror(self, children: []) }
}
