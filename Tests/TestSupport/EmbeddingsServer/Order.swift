import Foundation

extension EmbeddingsServer {
  /// The body of a request for embeddings.
  struct Order: Decodable {
    let model: String?
    let texts: [String]
    let encodingFormat: String?
    let dimensions: Int?

    var asksForBase64: Bool { encodingFormat == "base64" }

    /// The order as a server takes it that reads only so many words of a text.
    func cut(toWords most: Int?) -> Order {
      guard let most else { return self }
      let texts = texts.map { $0.split(separator: " ").prefix(most).joined(separator: " ") }
      return Order(model: model, texts: texts, encodingFormat: encodingFormat, dimensions: dimensions)
    }

    private enum CodingKeys: String, CodingKey {
      case model, dimensions
      case texts = "input"
      case encodingFormat = "encoding_format"
    }
  }
}

extension EmbeddingsServer {
  /// The refusal that OpenAI, or Azure at its paths, has for a request; nil where it is in order.
  func refusal(of message: HTTPMessage, _ order: Order?) -> Response? {
    let path = message.path
    let azurePaths = ["/openai/v1/embeddings", "/openai/deployments/\(options.deployment)/embeddings"]
    guard path == "/v1/embeddings" || azurePaths.contains(path) else {
      return .error(404, type: "invalid_request_error", code: "unknown_url", message: "Unknown request URL.")
    }
    let isAzure = azurePaths.contains(path)
    if path.contains("/deployments/"), message.query["api-version"] == nil {
      return Response(404, body: #"{"error":{"code":"404","message":"Resource not found"}}"#)
    }
    let credential = isAzure ? message.headers["api-key"].map { "Bearer \($0)" } : message.headers["authorization"]
    if let key = options.apiKey, credential != "Bearer \(key)" {
      return .error(401, type: "invalid_request_error", code: "invalid_api_key", message: "Incorrect API key provided.")
    }
    guard let order, message.method == "POST" else {
      return .error(400, type: "invalid_request_error", message: "We could not parse the JSON body of your request.")
    }
    if order.model != (isAzure ? options.deployment : options.model), !options.otherModels.contains(order.model ?? "") {
      return .error(404, type: "invalid_request_error", code: "model_not_found", message: "The model does not exist.")
    }
    if order.texts.isEmpty || order.texts.count > options.maxInputs || order.texts.contains("") {
      return .error(400, type: "invalid_request_error", message: "'$.input' is invalid.")
    }
    let tokens = order.texts.map(options.tokens)
    if let index = tokens.firstIndex(where: { $0 > options.maxInputTokens }) {
      return .error(
        400, type: "invalid_request_error",
        message: "Invalid 'input[\(index)]': maximum input length is \(options.maxInputTokens) tokens.")
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
