/// A value and where it comes from.
package struct Setting: Hashable, Sendable {
  /// The setting's name: its key path in a job spec where it has one, e.g. "limits.requests_per_minute".
  package let key: String
  /// nil where nothing sets it.
  package let value: SettingValue?
  package let origin: Origin

  package init(key: String, value: SettingValue?, origin: Origin) {
    self.key = key
    self.value = value
    self.origin = origin
  }
}

extension Setting: Encodable {
  private enum CodingKeys: CodingKey {
    case key, value, layer, origin
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(key, forKey: .key)
    try container.encode(value, forKey: .value)
    try container.encode(origin.layer, forKey: .layer)
    try container.encode(origin.description, forKey: .origin)
  }
}
