import Backfill
import Yams

extension YAMLValue {
  /// What vecfill sets itself, what would change how a reply is to be read, and what couples the texts of a request.
  private static let ownFields: Set<String> = [
    "model", "input", "inputs", "texts", "images", "requests", "content", "contents", "instances", "dimensions",
    "output_dimension", "outputDimensionality", "encoding_format", "embedding_type", "embedding_types", "output_dtype",
    "late_chunking",
  ]

  /// The fields that a job adds to each request; those that vecfill sets itself are refused.
  func addedFields() throws(Failure) -> [String: JSONValue] {
    let fields = try jsonObject()
    for (key, node) in node.mapping ?? [:] {
      guard let name = key.scalar?.string, Self.ownFields.contains(name) else { continue }
      throw Failure(
        .configuration, YAMLValue(node: node, file: file, path: "").place,
        "\(path).\(name) can't be added to a request",
        remedy: name == "late_chunking"
          ? "with it a vector depends on the other texts of its request"
          : "vecfill sets it itself: see model, dimensions and encoding_format")
    }
    return fields
  }

  /// A mapping as JSON has it; its texts are no secrets.
  func jsonObject() throws(Failure) -> [String: JSONValue] {
    guard let mapping = node.mapping else { throw refusal(Allowed.object) }
    var fields: [String: JSONValue] = [:]
    for (key, node) in mapping {
      guard let name = key.scalar?.string, SecretKeys.shown(name) != nil || name.wholeMatch(of: /\w{1,40}/) != nil,
        !SecretKeys.looksSecret(name: name), name != "<<"
      else {
        throw Failure(
          .configuration, YAMLValue(node: key, file: file, path: path).place, "a key of \(path) must be a field's name")
      }
      let value = YAMLValue(node: node, file: file, path: "\(path).\(name)")
      if value.node.scalar != nil, value.tag == .str, SecretKeys.isSecretField(name) {
        throw Failure(
          .configuration, value.place, "\(value.path) is a secret, and secrets don't belong in a file like this",
          remedy: "send it as a header, with ${NAME} in its value (headers:)")
      }
      fields[name] = try value.json()
    }
    return fields
  }

  private func json() throws(Failure) -> JSONValue {
    if let sequence = node.sequence {
      var values: [JSONValue] = []
      for (index, node) in sequence.enumerated() {
        values.append(try YAMLValue(node: node, file: file, path: "\(path)[\(index)]").json())
      }
      return .array(values)
    }
    if node.mapping != nil { return .object(try jsonObject()) }
    switch tag {
    case .null where ["null", "~", ""].contains(plainText): return .null
    case .bool: return .boolean(try boolean())
    case .int, .float: return try jsonNumber()
    default:
      guard let text = unquotedText ?? quotedText, !text.contains("\0") else {
        throw refusal("a value that JSON has")
      }
      return .string(try noSecret(text))
    }
  }

  /// A number as JSON writes it. A whole one is an integer, however it is written: so does it come back from a record.
  private func jsonNumber() throws(Failure) -> JSONValue {
    guard let digits = plainText, digits.wholeMatch(of: /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/) != nil,
      let number = Double(digits), number.isFinite
    else { throw refusal("a number as JSON writes it", remedy: "put it in quotes if it is text") }
    if let integer = Int(digits) { return .integer(integer) }
    if let integer = Int(exactly: number) { return .integer(integer) }
    guard digits.contains(where: { ".eE".contains($0) }) else { throw refusal("a number of at most 64 bits") }
    return .number(number)
  }
}
