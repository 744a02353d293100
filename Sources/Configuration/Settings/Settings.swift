import Backfill

/// The winning value of every parameter.
struct Settings: Sendable {
  private var values: [Parameter: Setting] = [:]

  init(_ layers: Layers) throws(Failure) {
    for parameter in Parameter.allCases {
      // Other providers' keys must not go to where OpenAI's is sent.
      let ignoresVariable = parameter == .baseURL && text(.provider) != CatalogueProvider.openAI
      values[parameter] = try layers.setting(parameter, ignoresVariable: ignoresVariable)
    }
  }

  subscript(parameter: Parameter) -> Setting {
    values[parameter] ?? Setting(key: parameter.rawValue, value: nil, origin: .builtIn)
  }

  /// Sets what nothing has set: a default that depends on other settings.
  mutating func derive(_ parameter: Parameter, _ value: SettingValue?, from origin: Origin) {
    if let value, self[parameter].value == nil {
      values[parameter] = Setting(key: parameter.rawValue, value: value, origin: origin)
    }
  }

  func text(_ parameter: Parameter) -> String? {
    if case .text(let text)? = self[parameter].value { text } else { nil }
  }

  func integer(_ parameter: Parameter) -> Int? {
    if case .integer(let number)? = self[parameter].value { number } else { nil }
  }

  func number(_ parameter: Parameter) -> Double? {
    if case .number(let number)? = self[parameter].value { number } else { nil }
  }

  func boolean(_ parameter: Parameter) -> Bool? {
    if case .boolean(let value)? = self[parameter].value { value } else { nil }
  }

  func secret(_ parameter: Parameter) -> Secret? {
    if case .secret(let secret)? = self[parameter].value { secret } else { nil }
  }

  func object(_ parameter: Parameter) -> [String: JSONValue] {
    if case .object(let fields)? = self[parameter].value { fields } else { [:] }
  }

  var headers: [HeaderTemplate] {
    if case .headers(let headers)? = self[.headers].value { headers } else { [] }
  }

  func choice<Choice: RawRepresentable<String>>(_ parameter: Parameter) -> Choice? {
    text(parameter).flatMap(Choice.init)
  }
}
