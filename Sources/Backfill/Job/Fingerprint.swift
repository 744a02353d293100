/// What a column's vectors are made of: one column holds one fingerprint only (P4).
package struct Fingerprint: Hashable, Sendable, Codable {
  package let model: String
  package let dimensions: Int
  package let preparation: TextPreparation

  package init(model: String, dimensions: Int, preparation: TextPreparation) {
    self.model = model
    self.dimensions = dimensions
    self.preparation = preparation
  }
}

extension Fingerprint: CustomStringConvertible {
  package var description: String {
    "model=\(model) dimensions=\(dimensions) newlines=\(preparation.newlines.rawValue) "
      + "too_long=\(preparation.tooLong.rawValue)"
  }
}

extension Job {
  package var fingerprint: Fingerprint {
    Fingerprint(model: model.name, dimensions: model.dimensions, preparation: preparation)
  }
}
