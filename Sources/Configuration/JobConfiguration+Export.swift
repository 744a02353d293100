import Backfill

extension JobConfiguration {
  /// The field in which a request asks for the job's dimensions; nil where it says nothing of them. It needs no key.
  package var exportedDimensionsField: String? {
    values.boolean(.sendDimensions) == true ? catalogueProvider.names.dimensions : nil
  }

  /// Whether the provider can give vectors in base64.
  package var takesBase64: Bool { catalogueProvider.encodings.contains(.base64) }
}
