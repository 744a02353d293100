import Backfill
import Foundation

/// The body of a request for embeddings.
struct EmbeddingsRequest {
  let format: WireFormat
  let model: String
  let texts: [String]
  let encoding: VectorEncoding
  /// Nil where the request says nothing of the encoding, whichever it is.
  let encodingField: String?
  /// Nil where the request says nothing of the dimensions.
  let dimensions: (field: String, count: Int)?
  /// What else it says. No field of these takes the place of the model, the texts, the encoding or the dimensions.
  let fields: [String: JSONValue]

  init(
    format: WireFormat = .openAI, model: String, texts: [String], encoding: VectorEncoding, encodingField: String?,
    dimensions: (field: String, count: Int)? = nil, fields: [String: JSONValue] = [:]
  ) {
    self.format = format
    self.model = model
    self.texts = texts
    self.encoding = encoding
    self.encodingField = encodingField
    self.dimensions = dimensions
    self.fields = fields
  }

  /// The body in JSON. `JSONEncoder` takes a multiple of the time.
  var json: Data {
    let byteCount = texts.reduce(0) { $0 + $1.utf8.count + $1.utf8.count / 8 + 4 }
    switch format.texts {
    case .strings(let name):
      let rest = members
      var json = JSONText(byteCount: 256 + rest.utf8.count + byteCount)
      json.add(verbatim: "{")
      if let field = format.modelField { json.add(member: field, .string(format.requestName(of: model))) }
      json.add(member: name) { json in json.add(list: texts) { $0.add(string: $1) } }
      if !rest.isEmpty { json.add(verbatim: ",\(rest)") }
      json.add(verbatim: "}")
      return Data(json.bytes)
    case .objects(let name, let before, let after):
      let opening = opening(before, namesModel: true)
      let closing = after + "}"
      var json = JSONText(byteCount: 256 + byteCount + texts.count * (opening.utf8.count + closing.utf8.count))
      json.add(verbatim: "{")
      json.add(member: name) { json in
        json.add(list: texts) { json, text in
          json.add(verbatim: opening)
          json.add(string: text)
          json.add(verbatim: closing)
        }
      }
      json.add(verbatim: "}")
      return Data(json.bytes)
    }
  }

  /// The object of its one text, without the model; nil for a format that has no object for each text, and for another
  /// number of texts.
  var objectOfOneText: Data? {
    guard case .objects(_, let before, let after) = format.texts, texts.count == 1, let text = texts.first else {
      return nil
    }
    let opening = opening(before, namesModel: false)
    var json = JSONText(byteCount: 256 + opening.utf8.count + text.utf8.count + text.utf8.count / 8)
    json.add(verbatim: opening)
    json.add(string: text)
    json.add(verbatim: after + "}")
    return Data(json.bytes)
  }

  /// What stands before the text in a text's own object.
  private func opening(_ before: String, namesModel: Bool) -> String {
    var head = JSONText(byteCount: 256)
    head.add(verbatim: "{")
    if namesModel, let field = format.modelField { head.add(member: field, .string(format.requestName(of: model))) }
    let rest = [members, before].filter { !$0.isEmpty }.joined(separator: ",")
    let separator = head.bytes.count > 1 && !rest.isEmpty ? "," : ""
    return String(decoding: head.bytes, as: UTF8.self) + separator + rest
  }

  /// All members but the model and the texts, with commas between them.
  private var members: String {
    var members = fields
    if let encodingField, encoding != .unsaid {
      let name = JSONValue.string(encoding.rawValue)
      members[encodingField] = format.listsEncodings ? .array([name]) : name
    }
    if let dimensions { members[dimensions.field] = .integer(dimensions.count) }
    members[format.texts.field] = nil
    if let field = format.modelField { members[field] = nil }
    var json = JSONText(byteCount: 256)
    for (name, value) in members.sorted(by: { $0.key < $1.key }) { json.add(member: name, value) }
    return String(decoding: json.bytes, as: UTF8.self)
  }
}
