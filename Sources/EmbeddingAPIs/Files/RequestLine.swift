import Backfill
import Foundation

/// The lines of a file of requests as OpenAI's Batch API and `vllm run-batch` take them, a row a line.
package struct RequestLine: Sendable {
  private let model: String
  private let dimensions: (field: String, count: Int)?
  private let fields: [String: JSONValue]
  private let encoding: VectorEncoding

  /// - Parameters:
  ///   - dimensions: the field that asks for another length than the model's own; nil for none.
  ///   - fields: what a request for stored texts says beside.
  ///   - asksForBase64: whether vectors are asked for in base64, which is a quarter of the size.
  package init(
    model: String, dimensions: (field: String, count: Int)?, fields: [String: JSONValue], asksForBase64: Bool
  ) {
    self.model = model
    self.dimensions = dimensions
    self.fields = fields
    encoding = asksForBase64 ? .base64 : .unsaid
  }

  /// The line for the text of a row, or the parts of one, with its line break.
  package func bytes(_ ticket: RowTicket, _ texts: [String]) -> [UInt8] {
    let body = EmbeddingsRequest(
      model: model, texts: texts, encoding: encoding, encodingField: "encoding_format", dimensions: dimensions,
      fields: fields
    ).json
    return RequestLine.withoutBreaks(RequestLine.object("\(ticket)", RequestLine.endpoint, body: body)) + [0x0A]
  }

  /// What OpenAI's lines name beside the id and the body.
  static let endpoint = [(name: "method", value: "POST"), (name: "url", value: OpenAIBatches.endpoint)]

  /// A line's object: its id, then `members`, then the request's body.
  static func object(_ id: String, _ members: [(name: String, value: String)], body: Data) -> [UInt8] {
    var json = JSONText(byteCount: body.count + 160)
    json.add(verbatim: "{")
    json.add(member: "custom_id", .string(id))
    for member in members { json.add(member: member.name, .string(member.value)) }
    json.add(member: "body") { $0.add(verbatim: body) }
    json.add(verbatim: "}")
    return json.bytes
  }

  /// Escapes the characters beyond ASCII at which other programs end a line, as Python's `splitlines` does: U+0085, U+2028
  /// and U+2029.
  private static func withoutBreaks(_ bytes: [UInt8]) -> [UInt8] {
    func escape(at index: Int) -> (text: String, length: Int)? {
      switch bytes[index] {
      case 0xC2 where bytes[index...].starts(with: [0xC2, 0x85]): (#"\u0085"#, 2)
      case 0xE2 where bytes[index...].starts(with: [0xE2, 0x80, 0xA8]): (#"\u2028"#, 3)
      case 0xE2 where bytes[index...].starts(with: [0xE2, 0x80, 0xA9]): (#"\u2029"#, 3)
      default: nil
      }
    }
    guard bytes.indices.contains(where: { escape(at: $0) != nil }) else { return bytes }
    var escaped: [UInt8] = []
    escaped.reserveCapacity(bytes.count + 64)
    var index = 0
    while index < bytes.count {
      if let (text, length) = escape(at: index) {
        escaped += text.utf8
        index += length
      } else {
        escaped.append(bytes[index])
        index += 1
      }
    }
    return escaped
  }
}
