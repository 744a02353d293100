import Backfill
import Foundation

extension EmbeddingsServer {
  /// The body of a request for embeddings, in whichever dialect.
  struct Order: Decodable {
    private(set) var texts: [String]
    /// The member that held the texts.
    let textsField: String
    /// What it says beside the texts, by field; in Gemini's what the first of its requests says.
    let fields: [String: JSONValue]

    var model: String? { word("model") }

    var encodingFormat: String? {
      if case .array(let names) = fields["embedding_types"], case .string(let name) = names.first { return name }
      return word("encoding_format") ?? word("embedding_type")
    }

    var asksForBase64: Bool { encodingFormat == "base64" }

    var dimensions: Int? {
      let names = ["dimensions", "output_dimension", "outputDimensionality"]
      return names.lazy.compactMap { name in
        if case .integer(let count) = fields[name] { count } else { nil }
      }.first
    }

    /// The order as a server takes it that reads only so many words of a text.
    func cut(toWords most: Int?) -> Order {
      guard let most else { return self }
      var order = self
      order.texts = texts.map { $0.split(separator: " ").prefix(most).joined(separator: " ") }
      return order
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Name.self)
      var (texts, textsField): ([String]?, String?) = (nil, nil)
      var fields: [String: JSONValue] = [:]
      for key in container.allKeys {
        switch key.stringValue {
        case "input", "inputs", "texts":
          let list = try? container.decode([String].self, forKey: key)
          (texts, textsField) = (try list ?? [container.decode(String.self, forKey: key)], key.stringValue)
        case "requests":
          let items = try container.decode([Item].self, forKey: key)
          (texts, textsField) = (items.map(\.text), key.stringValue)
          fields = items.first?.fields ?? [:]
        default: fields[key.stringValue] = try container.decode(JSONValue.self, forKey: key)
        }
      }
      guard let texts, let textsField else {
        throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "no texts"))
      }
      (self.texts, self.textsField, self.fields) = (texts, textsField, fields)
    }

    private func word(_ name: String) -> String? {
      if case .string(let word) = fields[name] { word } else { nil }
    }

    private struct Name: CodingKey {
      let stringValue: String
      let intValue: Int? = nil

      init(stringValue: String) { self.stringValue = stringValue }

      init?(intValue: Int) { nil }
    }

    /// One of Gemini's requests.
    private struct Item: Decodable {
      private struct Content: Decodable {
        struct Part: Decodable {
          let text: String
        }

        let parts: [Part]
      }

      let text: String
      var fields: [String: JSONValue] = [:]

      init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Name.self)
        let content = try container.decode(Content.self, forKey: Name(stringValue: "content"))
        text = content.parts.map(\.text).joined()
        for key in container.allKeys where key.stringValue != "content" {
          fields[key.stringValue] = try container.decode(JSONValue.self, forKey: key)
        }
      }
    }
  }
}
