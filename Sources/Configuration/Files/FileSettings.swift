import Backfill

/// The parameters that a job spec or `config/defaults.yaml` sets.
enum FileSettings {
  /// The top-level keys that parameters stand under, in the table's order.
  static let keys = inFiles.reduce(into: [String]()) { keys, parameter in
    let key = parameter.fileKey.first
    if !keys.contains(key) { keys.append(key) }
  }

  private static let inFiles = Parameter.allCases.filter(\.definition.isInFiles)

  static func read(from root: YAMLMapping, origin: (Int) -> Origin) throws(Failure) -> [Parameter: Setting] {
    var settings: [Parameter: Setting] = [:]
    for parameter in inFiles {
      let (first, second) = parameter.fileKey
      guard var value = root[first] else { continue }
      if let second {
        let siblings = inFiles.filter { $0.fileKey.first == first }.compactMap(\.fileKey.second)
        guard let nested = try value.mapping(keys: siblings)[second] else { continue }
        value = nested
      }
      let read = try value.value(parameter.definition.allowed)
      if case .secret(let secret) = read, secret.isMasked {
        throw Failure(
          .configuration, value.place, "\(value.path) holds a secret, and secrets don't belong in a file like this",
          remedy: "take it out"
            + (parameter.definition.variable.map { " and set \($0) in the environment or in .env" } ?? ""))
      }
      settings[parameter] = Setting(key: parameter.rawValue, value: read, origin: origin(value.line))
    }
    return settings
  }
}

extension Parameter {
  /// The key at the top of a file, and the one under it where there are two.
  fileprivate var fileKey: (first: String, second: String?) {
    let parts = rawValue.split(separator: ".", maxSplits: 1).map(String.init)
    return (parts[0], parts.count > 1 ? parts[1] : nil)
  }
}
