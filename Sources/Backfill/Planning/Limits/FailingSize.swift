/// Requests of so many inputs fail though the server answers smaller ones.
package struct FailingSize: Equatable, Sendable {
  package let inputs: Int
  /// So many passed.
  package let passing: Int
}

extension FailingSize: CustomStringConvertible {
  package var description: String {
    "requests with \(inputs) inputs fail and their parts pass: smaller ones are sent from now on; "
      + "set batch_size: \(passing)"
  }
}
