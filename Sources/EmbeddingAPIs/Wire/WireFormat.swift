import Backfill

/// How an API is asked for vectors and how it returns them: a request's path and body, and where a reply has what.
///
/// It is data alone: one writer makes the requests of all formats and one reader, with the same checks, reads their
/// replies.
package struct WireFormat: Equatable, Sendable {
  /// Where a request has its texts.
  enum Texts: Equatable, Sendable {
    /// In the list of this name.
    case strings(String)
    /// Each in an object of its own in the list of this name, between these two pieces of JSON. Such an object has all the
    /// fields of the request.
    case objects(String, before: String, after: String)

    var field: String {
      switch self {
      case .strings(let name), .objects(let name, _, _): name
      }
    }
  }

  package let name: String
  /// What follows the base URL; "{model}" stands for the model's name.
  let path: String
  let texts: Texts
  /// Nil where a request names no model.
  var modelField: String? = "model"
  /// What stands before the model's name in a request.
  var modelPrefix = ""
  /// How the API calls the dimensions of its vectors.
  package var dimensionsField = "dimensions"
  /// How the API calls the encoding of its vectors; nil where it has but one.
  package var encodingField: String?
  /// Whether the encoding is a list of one.
  var listsEncodings = false
  /// In the order in which they are asked for.
  package var encodings = [VectorEncoding.unsaid]
  /// What each request says unless the options say otherwise: above all that a text which is too long is an error and is
  /// not cut in silence.
  package var fields: [String: JSONValue] = [:]
  package var documentFields: [String: JSONValue] = [:]
  package var queryFields: [String: JSONValue] = [:]
  package var keyHeader = KeyHeader.bearer
  let reply: ReplyShape

  /// The path for `model`.
  func path(for model: String) -> String { path.replacing("{model}", with: bare(model)) }

  /// The model as a request names it.
  func requestName(of model: String) -> String { modelPrefix + bare(model) }

  private func bare(_ model: String) -> String {
    modelPrefix.isEmpty || !model.hasPrefix(modelPrefix) ? model : String(model.dropFirst(modelPrefix.count))
  }
}

extension WireFormat {
  package static let all = [openAI, cohere, gemini, ollama, tei]
}

extension WireFormat: CustomStringConvertible {
  package var description: String { name }
}
