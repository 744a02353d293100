import Backfill
import Foundation

extension EmbeddingsServer {
  /// A reply of these items and what a dialect tells beside them.
  func frame(
    of items: [String], _ order: Order, _ dialect: Dialect, model: String, _ distortion: Distortion?
  ) -> Response {
    let list = "[\(items.joined(separator: ","))]"
    let sum = order.texts.reduce(0) { $0 + options.tokens($1) }
    var tellsTokens = true
    if case .usage(nil) = distortion { tellsTokens = false }
    var headers = [(name: "Content-Type", value: "application/json")]
    let body: String
    switch dialect.shape {
    case .openAI: body = openAIFrame(list, order, dialect, model: model, tokens: sum, distortion)
    case .cohere:
      let billed = tellsTokens ? #","billed_units":{"input_tokens":\#(sum)}"# : ""
      body =
        #"{"id":"1","texts":["a [ text"],"embeddings":{"\#(order.asksForBase64 ? "base64" : "float")":\#(list)},"#
        + #""meta":{"api_version":{"version":"2"}\#(billed)},"response_type":"embeddings_by_type"}"#
    case .gemini: body = #"{"embeddings":\#(list)}"#
    case .ollama:
      let name = if case .model(let other) = distortion { other } else { model }
      let count = tellsTokens ? #","prompt_eval_count":\#(sum)"# : ""
      body = #"{"model":"\#(name)","embeddings":\#(list),"total_duration":14143917\#(count)}"#
    case .tei:
      body = list
      if tellsTokens { headers.append(("x-compute-tokens", "\(sum)")) }
      headers.append(("x-compute-characters", "\(order.texts.reduce(0) { $0 + $1.unicodeScalars.count })"))
    }
    if dialect == .liteLLM {
      headers += [
        ("x-litellm-model-id", "1"), ("llm_provider-x-ratelimit-limit-requests", "500"),
        ("llm_provider-x-ratelimit-remaining-requests", "499"),
      ]
    }
    return Response(200, headers: headers, body: body)
  }

  private func openAIFrame(
    _ list: String, _ order: Order, _ dialect: Dialect, model: String, tokens sum: Int, _ distortion: Distortion?
  ) -> String {
    var model = "\"model\":\"\(model)\","
    var usage =
      switch dialect {
      case .voyage: ",\"usage\":{\"total_tokens\":\(sum)}"
      case .geminiOpenAI: ""
      default: ",\"usage\":{\"prompt_tokens\":\(sum),\"total_tokens\":\(sum)}"
      }
    var padding = ""
    switch distortion {
    case .model(let other): model = "\"model\":\"\(other)\","
    case .noModel: model = ""
    case .usage(let other): usage = other.map { ",\"usage\":\($0)" } ?? ""
    case .usageOf(let other): usage = other(order.texts).map { ",\"usage\":\($0)" } ?? ""
    case .padded(let bytes): padding = ",\"padding\":\"\(String(repeating: "x", count: bytes))\""
    default: break
    }
    return "{\"object\":\"list\",\(model)\"data\":\(list)\(usage)\(padding)}"
  }
}

extension EmbeddingsServer.Dialect {
  /// An item of a reply's list; `number` is its index with the comma behind it, `embedding` nil where it has no vector.
  func item(number: String, _ embedding: String?) -> String {
    switch shape {
    case .openAI:
      let members = number + (embedding.map { "\"embedding\":\($0)," } ?? "")
      return "{\(members)\"object\":\"embedding\"}"
    case .gemini: return embedding.map { "{\"values\":\($0)}" } ?? "{}"
    case .cohere, .ollama, .tei: return embedding ?? "null"
    }
  }
}

extension EmbeddingsServer.Response {
  /// A redirect to another address, as a base URL that has moved answers.
  package static func redirect(to url: String) -> EmbeddingsServer.Response {
    EmbeddingsServer.Response(307, headers: [("Location", url)])
  }
}
