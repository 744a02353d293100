/// A fingerprint to which nothing is added is recorded as it always was, so that an older vecfill reads it.
///
/// A fingerprint with a prefix, added fields or a local cut is one level deeper, under `with`. An older vecfill doesn't know
/// these and would take the column for one without them, so it must fail to read the record. Long texts that are cut by
/// bytes, a prefix before each part, texts from a view and pieces are another level deeper, for versions that know `with`
/// but not these.
extension Fingerprint: Codable {
  private enum CodingKeys: CodingKey {
    case model, dimensions, text, preparation, fields, cut, view, cutting, with
  }

  /// How deep it stands.
  private var depth: Int {
    if preparation.mostBytes != nil || preparation.prefixesEachPart || view != nil || cutting != nil { return 2 }
    return preparation.prefix.isEmpty && fields.isEmpty && cut == .provider ? 0 : 1
  }

  package init(from decoder: any Decoder) throws {
    var container = try decoder.container(keyedBy: CodingKeys.self)
    while container.contains(.with) {
      container = try container.nestedContainer(keyedBy: CodingKeys.self, forKey: .with)
    }
    self.init(
      model: try container.decode(String.self, forKey: .model),
      dimensions: try container.decode(Int.self, forKey: .dimensions),
      text: try container.decode(SourceText.self, forKey: .text),
      preparation: try container.decode(TextPreparation.self, forKey: .preparation),
      fields: try container.decodeIfPresent([String: JSONValue].self, forKey: .fields) ?? [:],
      cut: try container.decodeIfPresent(VectorCut.self, forKey: .cut) ?? .provider,
      view: try container.decodeIfPresent(String.self, forKey: .view),
      cutting: try container.decodeIfPresent(Cutting.self, forKey: .cutting))
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    for _ in 0..<depth { container = container.nestedContainer(keyedBy: CodingKeys.self, forKey: .with) }
    try container.encode(model, forKey: .model)
    try container.encode(dimensions, forKey: .dimensions)
    try container.encode(text, forKey: .text)
    try container.encode(preparation, forKey: .preparation)
    if !fields.isEmpty { try container.encode(fields, forKey: .fields) }
    if cut != .provider { try container.encode(cut, forKey: .cut) }
    try container.encodeIfPresent(view, forKey: .view)
    if let cutting { try container.encode(cutting, forKey: .cutting) }
  }
}
