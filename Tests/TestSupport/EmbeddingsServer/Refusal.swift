import Backfill
import Foundation

extension EmbeddingsServer {
  /// The refusal that an API has for a request, in its own words; nil where the request is in order.
  func refusal(of message: HTTPMessage, _ order: Order?) -> Response? {
    guard let dialect = Dialect(path: message.path, options) else {
      return .error(404, type: "invalid_request_error", code: "unknown_url", message: "Unknown request URL.")
    }
    if dialect == .azureClassic, message.query["api-version"] == nil {
      return Response(404, body: #"{"error":{"code":"404","message":"Resource not found"}}"#)
    }
    if let key = options.apiKey, dialect.key(message.headers) != key { return dialect.wrongKey }
    guard let order, message.method == "POST", order.textsField == dialect.textsField else {
      return dialect.refusal(400, "We could not parse the JSON body of your request.")
    }
    let isAzure = dialect == .azure || dialect == .azureClassic
    let models = [isAzure ? options.deployment : options.model]
    if dialect != .tei, !models.contains(order.bareModel), !options.otherModels.contains(order.bareModel) {
      return dialect.noModel
    }
    return refusal(of: order, dialect)
  }

  private func refusal(of order: Order, _ dialect: Dialect) -> Response? {
    if dialect == .voyage, order.encodingFormat == "float" {
      return dialect.refusal(400, "Value 'float' provided for argument 'encoding_format' is invalid.")
    }
    if dialect == .geminiOpenAI, order.asksForBase64 { return .base64Refused }
    if [.nim, .cohere].contains(dialect), order.fields["input_type"] == nil {
      return dialect.refusal(400, "'input_type' parameter is required for this model")
    }
    if let most = dialect.maxInputs, order.texts.count > most {
      return dialect.refusal(dialect == .tei ? 413 : 400, dialect.tooMany(order.texts.count, most))
    }
    if order.texts.isEmpty || order.texts.count > options.maxInputs || order.texts.contains("") {
      return dialect.refusal(400, "'$.input' is invalid.")
    }
    guard !dialect.cuts(order) else { return nil }
    let tokens = order.texts.map(options.tokens)
    if let index = tokens.firstIndex(where: { $0 > options.maxInputTokens }) {
      return dialect.refusal(
        dialect == .tei ? 413 : 400, dialect.tooLong(index: index, tokens: tokens[index], options.maxInputTokens))
    }
    let sum = tokens.reduce(0, +)
    if sum > options.maxRequestTokens {
      return .error(
        400, type: "max_tokens_per_request", code: "max_tokens_per_request",
        message: "Requested \(sum) tokens, max \(options.maxRequestTokens) tokens per request")
    }
    return nil
  }
}

extension EmbeddingsServer.Order {
  /// The model's name without Gemini's prefix.
  fileprivate var bareModel: String { model?.replacing("models/", with: "") ?? "" }
}

extension EmbeddingsServer.Dialect {
  fileprivate func refusal(_ status: Int, _ message: String) -> EmbeddingsServer.Response {
    let body =
      switch (shape, self) {
      case (.cohere, _): #"{"id":"1","message":"invalid request: \#(message)"}"#
      case (.gemini, _): #"{"error":{"code":\#(status),"message":"\#(message)","status":"INVALID_ARGUMENT"}}"#
      case (.ollama, _), (_, .nim): #"{"error":"\#(message)"}"#
      case (.tei, _): #"{"error":"\#(message)","error_type":"Validation"}"#
      case (_, .voyage): #"{"detail":"\#(message)"}"#
      default: #"{"error":{"message":"\#(message)","type":"invalid_request_error","param":null,"code":null}}"#
      }
    return .init(status, headers: [("Content-Type", "application/json")], body: body)
  }

  fileprivate var wrongKey: EmbeddingsServer.Response {
    switch self {
    case .cohere: .init(401, body: #"{"id":"1","message":"invalid api token"}"#)
    case .gemini:
      .init(
        400,
        body: #"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","#
          + #""status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#)
    case .tei: .init(401, body: "")
    case .ollama: .init(401, body: #"{"error":"unauthorized"}"#)
    case .voyage: .init(401, body: #"{"detail":"Provided API key is invalid."}"#)
    case .liteLLM:
      .init(
        400,
        body: #"{"error":{"message":"No connected db.","type":"no_db_connection","param":null,"code":"400"}}"#)
    default:
      .error(401, type: "invalid_request_error", code: "invalid_api_key", message: "Incorrect API key provided.")
    }
  }

  fileprivate var noModel: EmbeddingsServer.Response {
    switch shape {
    case .gemini: .init(404, body: #"{"error":{"code":404,"message":"not found","status":"NOT_FOUND"}}"#)
    case .ollama: .init(404, body: #"{"error":"model \"m\" not found, try pulling it first"}"#)
    default: .error(404, type: "invalid_request_error", code: "model_not_found", message: "The model does not exist.")
    }
  }

  fileprivate func tooMany(_ count: Int, _ most: Int) -> String {
    switch self {
    case .cohere: "total number of texts must be at most \(most) - received \(count)"
    case .gemini, .geminiOpenAI: "* BatchEmbedContentsRequest.requests: at most \(most) requests can be in one batch"
    case .dashScope:
      "<400> InternalError.Algo.InvalidParameter: Value error, batch size is invalid, it should not be larger than \(most)."
    case .tei: "batch size \(count) > maximum allowed batch size \(most)"
    default: "The batch size limit is \(most). Your batch size is \(count)."
    }
  }

  fileprivate func tooLong(index: Int, tokens: Int, _ most: Int) -> String {
    switch self {
    case .voyage:
      "The example at index \(index) in your batch has too many tokens and does not fit into the model's context window of "
        + "\(most) tokens."
    case .gemini, .geminiOpenAI:
      "The input token count (\(tokens)) exceeds the maximum number of tokens allowed (\(most))."
    case .ollama: "the input length exceeds the context length"
    case .tei: "Input validation error: `inputs` must have less than \(most) tokens. Given: \(tokens)"
    case .nim: "Input length \(tokens) exceeds maximum allowed token size \(most)"
    default: "Invalid 'input[\(index)]': maximum input length is \(most) tokens."
    }
  }
}

extension EmbeddingsServer.Response {
  /// TEI's answer while its model fails.
  package static let teiBackend = EmbeddingsServer.Response(
    424, headers: [("Content-Type", "application/json")], body: #"{"error":"backend error","error_type":"Backend"}"#)
  /// Ollama's answer to a text of which its model makes no number, each time.
  package static let ollamaNaN = EmbeddingsServer.Response(
    500, headers: [("Content-Type", "application/json")], body: #"{"error":"json: unsupported value: NaN"}"#)
  /// Gemini's answer to a request that passes its quota.
  package static let geminiQuota = EmbeddingsServer.Response(
    429, headers: [("Content-Type", "application/json")],
    body: #"{"error":{"code":429,"message":"Quota exceeded.","status":"RESOURCE_EXHAUSTED","details":["#
      + #"{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"45s"}]}}"#)
}
