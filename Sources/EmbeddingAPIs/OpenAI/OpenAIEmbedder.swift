import Backfill
import Foundation

/// Embeds through OpenAI, Azure OpenAI, or a server that speaks OpenAI's protocol.
package struct OpenAIEmbedder: Embedder {
  package struct Options: Sendable {
    package var endpoint: Endpoint
    /// The default is none, for servers that need none.
    package var apiKey: APIKey?
    /// Sent as `OpenAI-Organization`. The default is none.
    package var organization: String?
    /// Sent as `OpenAI-Project`. The default is none.
    package var project: String?
    package var model: String
    /// The length that every vector must have.
    package var dimensions: Int
    /// Whether `dimensions` is sent, which asks a model for another size than its own. The default is false: vLLM
    /// refuses a request that has it even at the model's own size.
    package var sendsDimensions: Bool
    /// Whether vectors are asked for in base64. The default is true; they are read as they come.
    package var asksForBase64: Bool

    package init(
      endpoint: Endpoint = .openAI(), apiKey: APIKey? = nil, organization: String? = nil, project: String? = nil,
      model: String, dimensions: Int, sendsDimensions: Bool = false, asksForBase64: Bool = true
    ) {
      self.endpoint = endpoint
      self.apiKey = apiKey
      self.organization = organization
      self.project = project
      self.model = model
      self.dimensions = dimensions
      self.sendsDimensions = sendsDimensions
      self.asksForBase64 = asksForBase64
    }
  }

  private let options: Options
  private let url: String
  private let headers: [(name: String, value: String)]
  private let client: HTTPClient
  private let now: @Sendable () -> Date

  /// An embedder that sends over `client`; `now` reads the clock for a `Retry-After` that is a date.
  ///
  /// Throws a `Failure` with `.configuration` for a URL that is none, and for a key, organisation or project that
  /// can't be a header's value, such as one with a line break.
  package init(
    _ options: Options, client: HTTPClient, now: @escaping @Sendable () -> Date = { Date() }
  ) throws(Failure) {
    self.options = options
    self.client = client
    self.now = now
    url = try options.endpoint.url()
    var headers: [(name: String, value: String)] = []
    if let key = options.apiKey { headers.append(options.endpoint.authorization(key)) }
    if let organization = options.organization { headers.append(("OpenAI-Organization", organization)) }
    if let project = options.project { headers.append(("OpenAI-Project", project)) }
    for (name, value) in headers where value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      throw Failure(
        .configuration, "the value for the header \(name)", "holds a line break or another control character",
        remedy: "look for what was copied along with it")
    }
    self.headers = headers
  }

  package func embed(_ texts: [String]) async throws(EmbeddingFailure) -> EmbeddingReply {
    let request = try self.request(for: texts)
    let response: HTTPResponse
    do {
      response = try await client.send(request)
    } catch {
      throw EmbeddingFailure(error)
    }
    guard response.status == 200 else {
      throw EmbeddingFailure(refusal: response, inputCount: texts.count, now: now())
    }
    return try reply(of: response, to: texts)
  }

  private func request(for texts: [String]) throws(EmbeddingFailure) -> HTTPRequest {
    let content = EmbeddingsRequest(
      model: options.endpoint.requestModel(options.model), input: texts,
      encodingFormat: options.asksForBase64 ? .base64 : .float,
      dimensions: options.sendsDimensions ? options.dimensions : nil)
    do {
      return HTTPRequest(
        url: url, headers: headers, body: try JSONEncoder().encode(content),
        maxReplyBytes: 65_536 + texts.count * 32 * max(options.dimensions, 4_096))
    } catch {
      throw EmbeddingFailure(.badInput, "the request can't be written as JSON")
    }
  }

  private func reply(of response: HTTPResponse, to texts: [String]) throws(EmbeddingFailure) -> EmbeddingReply {
    let requestID = response.headers.requestID
    let rateLimits = RateLimitHints(response.headers)
    func broken(_ reason: String) -> EmbeddingFailure {
      EmbeddingFailure(
        .brokenReply, "the reply can't be used: \(reason)", status: response.status, requestID: requestID,
        mayHaveBeenBilled: true, rateLimits: rateLimits)
    }
    guard !response.isCut else { throw broken("it is longer than any reply to this request can be") }
    let reply: EmbeddingsReply
    do {
      reply = try EmbeddingsReply(response.body, count: texts.count, dimensions: options.dimensions)
    } catch {
      throw broken(error.reason)
    }
    let asked = [options.model, options.endpoint.requestModel(options.model)].map(ModelName.init)
    guard asked.contains(ModelName(reply.model)) else { throw broken("it comes from another model") }
    return EmbeddingReply(
      vectors: reply.vectors, billedTokens: reply.promptTokens.flatMap { plausible($0, for: texts) },
      requestID: requestID, rateLimits: rateLimits)
  }

  /// `tokens`, unless it is no count of these texts' tokens: each text has at least one, and none has more than can be.
  private func plausible(_ tokens: Int, for texts: [String]) -> Int? {
    texts.count <= tokens && tokens <= texts.reduce(0) { $0 + $1.mostTokens } ? tokens : nil
  }
}
