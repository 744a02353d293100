import Backfill
import Yams

/// A mapping that has only keys that are allowed in it.
struct YAMLMapping {
  private let values: [String: YAMLValue]
  private let itself: YAMLValue

  init(_ value: YAMLValue, keys allowed: [String]) throws(Failure) {
    itself = value
    var values: [String: YAMLValue] = [:]
    for (key, node) in value.node.mapping ?? [:] {
      guard let name = key.scalar?.string, !name.isEmpty else {
        let place = YAMLValue(node: key, file: value.file, path: "").place
        throw Failure(.configuration, place, "a key must be one of \(allowed.joined(separator: ", "))")
      }
      let path = value.path.isEmpty ? name : "\(value.path).\(name)"
      guard allowed.contains(name) else {
        let shown = SecretKeys.shown(name).map { _ in String(path.prefix(80)) }
        throw Self.unknown(
          name, YAMLValue(node: key, file: value.file, path: shown ?? "what stands here"), allowed: allowed)
      }
      values[name] = YAMLValue(node: node, file: value.file, path: path)
    }
    self.values = values
  }

  subscript(key: String) -> YAMLValue? { values[key] }

  func required(_ key: String) throws(Failure) -> YAMLValue {
    guard let value = values[key] else {
      let path = itself.path.isEmpty ? key : "\(itself.path).\(key)"
      throw Failure(.configuration, itself.place, "\(path) is missing")
    }
    return value
  }

  private static func unknown(_ key: String, _ value: YAMLValue, allowed: [String]) -> Failure {
    if let nearest = Spelling.nearest(to: key, in: allowed) {
      return Failure(
        .configuration, value.place, "\(value.path) is not a known key", remedy: "did you mean \(nearest)?")
    }
    if let variable = SecretKeys.variable(for: key) {
      return Failure(
        .configuration, value.place, "\(value.path) is a secret, and secrets don't belong in a file like this",
        remedy: "take it out and set \(variable) in the environment or in .env")
    }
    return Failure(
      .configuration, value.place, "\(value.path) is not a known key",
      remedy: "allowed here: \(allowed.joined(separator: ", "))")
  }
}
