import Backfill
import Foundation

/// Embeds through OpenAI, Azure OpenAI, or a server that speaks OpenAI's protocol.
///
/// A server that refuses `encoding_format: base64` is asked again at once in the next way that it may take, and so for
/// the rest of the embedder's life: a refusal with a 4xx costs nothing.
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
    /// Whether vectors are asked for in base64, until the server refuses that. The default is true; they are read as they
    /// come.
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

  let options: Options
  private let url: String
  let address: String
  private let headers: [(name: String, value: String)]
  let client: HTTPClient
  let habits: Locked<ServerHabits>
  let recent = Locked(RecentTexts())
  /// The names under which the model that is asked for may answer.
  let askedModels: [ModelName]
  private let notify: @Sendable (String) -> Void
  let now: @Sendable () -> Date

  /// An embedder that sends over `client`; `notify` is told, in one line and once, what it has to do otherwise than by
  /// the options, and `now` reads the clock for a `Retry-After` that is a date.
  ///
  /// Throws a `Failure` with `.configuration` for a URL that is none, and for a key, organisation or project that
  /// can't be a header's value, such as one with a line break.
  package init(
    _ options: Options, client: HTTPClient, notify: @escaping @Sendable (String) -> Void = { _ in },
    now: @escaping @Sendable () -> Date = { Date() }
  ) throws(Failure) {
    self.options = options
    self.client = client
    self.notify = notify
    self.now = now
    habits = Locked(ServerHabits(encoding: options.asksForBase64 ? .base64 : .float))
    askedModels = [options.model, options.endpoint.requestModel(options.model)].map(ModelName.init)
    url = try options.endpoint.url()
    address = Redaction(texts: [], key: options.apiKey?.value).oneLine(url.addressAlone ?? "") ?? ""
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
    recent.withLock { $0.add(texts) }
    do {
      return try await answer(to: texts)
    } catch {
      var failure = error
      failure.address = address
      throw failure
    }
  }

  private func answer(to texts: [String]) async throws(EmbeddingFailure) -> EmbeddingReply {
    let first = habits.withLock { $0.encoding }
    var encoding = first
    // What a first refusal said that may have been for another reason than the encoding.
    var unclear: EmbeddingFailure?
    while true {
      let stream = Locked(EmbeddingsReplyStream(count: texts.count, dimensions: options.dimensions))
      let response = try await send(texts, encoding, to: stream)
      switch verdict(on: response, stream.withLock { $0 }, to: texts) {
      case .answered(let reply):
        if habits.withLock({ $0.answered(to: encoding) }) {
          let way = encoding == .unsaid ? "without encoding_format" : "as \(encoding.rawValue)"
          notify("\(address) refuses encoding_format \(first.rawValue): vectors are asked for \(way) from now on")
        }
        return reply
      case .refused(let failure, .other):
        throw failure
      case .refused(let failure, let blame):
        let next = habits.withLock {
          $0.encoding(after: encoding, isNamed: blame == .encoding, textCount: texts.count)
        }
        guard let next else { throw unclear ?? failure }
        unclear = blame == .unclear ? failure : nil
        encoding = next
      }
    }
  }

  private func send(
    _ texts: [String], _ encoding: EmbeddingsRequest.Encoding, to stream: Locked<EmbeddingsReplyStream>
  ) async throws(EmbeddingFailure) -> HTTPResponse {
    var request = self.request(for: texts, encoding)
    request.reader = { bytes in stream.withLock { $0.take(bytes) ? $0.hasVectors ? .isRead : .isUnclear : .isUseless } }
    do {
      return try await client.send(request)
    } catch {
      throw EmbeddingFailure(error)
    }
  }

  private func request(for texts: [String], _ encoding: EmbeddingsRequest.Encoding) -> HTTPRequest {
    let content = EmbeddingsRequest(
      model: options.endpoint.requestModel(options.model), input: texts, encodingFormat: encoding,
      dimensions: options.sendsDimensions ? options.dimensions : nil)
    return HTTPRequest(
      url: url, headers: headers, body: content.json,
      maxReplyBytes: 65_536 + texts.count * EmbeddingsReplyStream.mostBytesOfItem(dimensions: options.dimensions))
  }
}
