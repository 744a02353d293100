/// A variable by whose name one may think that it sets something of vecfill's, and which sets nothing.
struct UnknownVariable {
  let name: String
  /// The line of `.env` where it stands; nil for one of the environment.
  let place: String?

  private static let prefix = "VECFILL_"

  /// Those that no `Parameter` has, but which vecfill reads elsewhere or sets itself.
  private static let others = EndVariable.allCases.map(\.rawValue) + ["VECFILL_DATA_DIR", "VECFILL_EXIT_CODE"]

  /// All that are set to something, in the order of their names.
  static func all(in variables: Variables) -> [UnknownVariable] {
    let known = Set(Parameter.allCases.compactMap(\.definition.variable) + others)
    let entries = variables.dotenv.entries.filter { variables.environment[$0.key] == nil && !$0.value.value.isEmpty }
    let all =
      variables.environment.filter { !$0.value.isEmpty }.map { UnknownVariable(name: $0.key, place: nil) }
      + entries.map { UnknownVariable(name: $0.key, place: "\(variables.dotenv.file):\($0.value.line)") }
    return all.filter { variable in
      let name = variable.name
      return name.uppercased().hasPrefix(prefix) && !known.contains(name) && !isOfOthers(name)
    }.sorted { $0.name < $1.name }
  }

  /// Whether Kubernetes has put it there for a service of that name, or a developer for vecfill's tests.
  private static func isOfOthers(_ name: String) -> Bool {
    let suffix = name.dropFirst(prefix.count)
    if suffix.hasPrefix("TEST_") || suffix == "SEED" { return true }
    let service = /([A-Z0-9_]+_)?SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)/
    let port = /([A-Z0-9_]+_)?PORT(_[0-9]+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)?/
    return suffix.wholeMatch(of: service) != nil || suffix.wholeMatch(of: port) != nil
  }

  /// That it sets nothing, and what does.
  var warning: String {
    let said = "\(name)\(place.map { " in \($0)" } ?? "") sets nothing: "
    let suffix = name.dropFirst(Self.prefix.count).uppercased()
    if Parameter.allCases.contains(where: { $0.definition.variable == Self.prefix + suffix }) {
      return said + "the variable is \(Self.prefix)\(suffix)"
    }
    let keys = Parameter.allCases.map { ($0, $0.rawValue.uppercased()) }
    let whole = keys.first { $0.1.replacing(".", with: "_") == suffix }
    if let (key, _) = whole ?? keys.first(where: { $0.1.hasSuffix(".\(suffix)") }) {
      let setter = key.definition.variable.map { "set by \($0)" } ?? "a key of the job"
      return said + "\(key.rawValue) is \(setter)"
    }
    if let own = JobSpec.ownKeys.first(where: { $0.uppercased() == suffix }) {
      return said + "\(own) is a key of the job"
    }
    let option = "--\(suffix.lowercased().replacing("_", with: "-"))"
    return said + "no setting has this variable; if \(option) is an option of the command, give it there"
  }
}
