import Backfill

/// The layers in which a parameter can be set; the first that sets it wins.
struct Layers {
  let flags: [Parameter: String]
  let variables: Variables
  /// Read and checked as a whole, whatever wins over them.
  var spec: [Parameter: Setting] = [:]
  var config: [Parameter: Setting] = [:]

  /// The winning layer's value, else the built-in default.
  ///
  /// A value that is not allowed is a `Failure`, never passed over. A variable that is set to nothing is not set.
  ///
  /// - Parameter ignoresVariable: whether the parameter's variable is another program's in this case.
  func setting(_ parameter: Parameter, ignoresVariable: Bool = false) throws(Failure) -> Setting {
    let definition = parameter.definition
    func read(_ text: String, _ origin: Origin, in place: String, called name: String) throws(Failure) -> Setting {
      guard let value = definition.allowed.value(of: text) else { throw parameter.refusal(in: place, called: name) }
      if case .text(let told) = value, SecretKeys.looksSecret(told) {
        throw Failure(
          place == Origin.commandLine ? .usage : .configuration, place,
          "\(name) holds what looks like a password or a key",
          remedy: "take it out: this value is printed in logs and reports")
      }
      return Setting(key: parameter.rawValue, value: value, origin: origin)
    }
    if let flag = definition.flag, let text = flags[parameter] {
      let setting = try read(text, .flag(flag), in: Origin.commandLine, called: flag)
      if case .secret(let secret) = setting.value, secret.isMasked {
        throw Failure(
          .usage, Origin.commandLine, "\(flag) holds a password, and other users can see a command line",
          remedy: definition.variable.map { "set \($0) in the environment or in .env" })
      }
      return setting
    }
    if let variable = definition.variable, !ignoresVariable, let (text, origin) = variables.value(of: variable) {
      if definition.allowed == .key { try variables.refuseQuotes(of: text, origin, called: variable) }
      return try read(text, origin, in: origin.place, called: variable)
    }
    return spec[parameter] ?? config[parameter]
      ?? Setting(key: parameter.rawValue, value: definition.fallback, origin: .builtIn)
  }

  /// Refuses a `VECFILL_` variable that is none but is nearly one: it would be silently without effect.
  func refuseMisspelledVariables() throws(Failure) {
    let prefix = "VECFILL_"
    let known = (Parameter.allCases.compactMap(\.definition.variable) + EndVariable.allCases.map(\.rawValue))
      .compactMap { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : nil }
    func check(_ name: String, in place: String) throws(Failure) {
      let suffix = String(name.dropFirst(prefix.count))
      guard name.hasPrefix(prefix), !known.contains(suffix), let nearest = Spelling.nearest(to: suffix, in: known)
      else { return }
      throw Failure(
        .configuration, place, "\(name) is not a known variable", remedy: "did you mean \(prefix)\(nearest)?")
    }
    for name in variables.environment.keys.sorted() {
      try check(name, in: "environment")
    }
    for (name, entry) in variables.dotenv.entries.sorted(by: { $0.value.line < $1.value.line }) {
      try check(name, in: "\(variables.dotenv.file):\(entry.line)")
    }
  }
}
