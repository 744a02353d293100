/// A fingerprint to which nothing is added is recorded as it always was, so that an older vecfill reads it.
///
/// One with a prefix, fields, a cut of vecfill's own or pieces stands one level deeper, under `with`: an older vecfill doesn't
/// know these, would take the column for one without them, and so has to fail at its record.
extension Fingerprint: Codable {
  private enum CodingKeys: CodingKey {
    case model, dimensions, text, preparation, fields, cut, cutting, with
  }

  private var isPlain: Bool {
    preparation.prefix.isEmpty && fields.isEmpty && cut == .provider && cutting == nil
  }

  package init(from decoder: any Decoder) throws {
    var container = try decoder.container(keyedBy: CodingKeys.self)
    if container.contains(.with) { container = try container.nestedContainer(keyedBy: CodingKeys.self, forKey: .with) }
    self.init(
      model: try container.decode(String.self, forKey: .model),
      dimensions: try container.decode(Int.self, forKey: .dimensions),
      text: try container.decode(SourceText.self, forKey: .text),
      preparation: try container.decode(TextPreparation.self, forKey: .preparation),
      fields: try container.decodeIfPresent([String: JSONValue].self, forKey: .fields) ?? [:],
      cut: try container.decodeIfPresent(VectorCut.self, forKey: .cut) ?? .provider,
      cutting: try container.decodeIfPresent(Cutting.self, forKey: .cutting))
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    if !isPlain { container = container.nestedContainer(keyedBy: CodingKeys.self, forKey: .with) }
    try container.encode(model, forKey: .model)
    try container.encode(dimensions, forKey: .dimensions)
    try container.encode(text, forKey: .text)
    try container.encode(preparation, forKey: .preparation)
    if !fields.isEmpty { try container.encode(fields, forKey: .fields) }
    if cut != .provider { try container.encode(cut, forKey: .cut) }
    if let cutting { try container.encode(cutting, forKey: .cutting) }
  }
}
