import Backfill
import Foundation

/// Embeds through a provider's API, in whichever format that has.
///
/// A server that refuses the encoding that is asked for is asked again at once in the next way that it may take, and so for
/// the rest of the embedder's life: a refusal with a 4xx costs nothing.
package struct APIEmbedder: Embedder {
  let options: Options
  private let url: String
  let address: String
  let headers: [(name: String, value: String)]
  let client: HTTPClient
  let habits: Locked<ServerHabits>
  let recent = Locked(RecentTexts())
  let seen = Locked(SeenReplies())
  /// Where a reply has what.
  let shape: ReplyShape
  /// The names under which the model that is asked for may answer.
  let askedModels: [ModelName]
  let notify: @Sendable (String) -> Void
  let now: @Sendable () -> Date

  /// An embedder that sends over `client`. `notify` gets one line, once, for each thing that is done otherwise than the
  /// options say or that an operator should know of the server. `now` reads the clock for a `Retry-After` that is a date.
  ///
  /// Throws a `Failure` with `.configuration` for a URL that is none, for a key or another header that can't be sent, such
  /// as one with a line break, and for a body that names the model, the texts, the dimensions or the encoding.
  package init(
    _ options: Options, client: HTTPClient, notify: @escaping @Sendable (String) -> Void = { _ in },
    now: @escaping @Sendable () -> Date = { Date() }
  ) throws(Failure) {
    try options.checkBody()
    self.options = options
    self.client = client
    self.notify = notify
    self.now = now
    habits = Locked(
      ServerHabits(
        encodings: options.encodingField == nil ? [.unsaid] : options.encodings, model: ModelName(options.model)))
    shape = options.reply
    askedModels = [options.model, options.endpoint.requestModel(options.model)].map(ModelName.init)
    url = try options.endpoint.url(path: options.format.path(for: options.model))
    address = Redaction(texts: [], key: options.apiKey?.value).oneLine(url.addressAlone ?? "") ?? ""
    var headers = options.headers.map { (name: $0.name, value: $0.value.value) }
    if let key = options.apiKey {
      headers.append((options.keyHeader.name, options.keyHeader.scheme + key.value))
    }
    for (name, value) in headers {
      guard name.isWord(with: "!#$%&'*+-.^_`|~") else {
        throw Failure(
          .configuration, "a header's name", "holds what no header's name can", remedy: "check the names of the headers"
        )
      }
      guard !value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
        throw Failure(
          .configuration, "the value for the header \(name)", "holds a line break or another control character",
          remedy: "look for what was copied along with it")
      }
    }
    self.headers = headers
  }

  package func embed(_ texts: [String], as role: EmbeddingRole) async throws(EmbeddingFailure) -> EmbeddingReply {
    recent.withLock { $0.add(texts) }
    do {
      return try await answer(to: texts, as: role)
    } catch {
      throw error.at(address)
    }
  }

  package func expect(_ model: ServedModel) { habits.withLock { $0.expect(model) } }

  /// `reply` with the server's own name for the model.
  func named(_ reply: EmbeddingReply) -> EmbeddingReply {
    var reply = reply
    reply.servedModel = habits.withLock(\.served)
    return reply
  }

  private func answer(to texts: [String], as role: EmbeddingRole) async throws(EmbeddingFailure) -> EmbeddingReply {
    let first = habits.withLock { $0.encoding }
    var encoding = first
    // What a first refusal said that may have been for another reason than the encoding.
    var unclear: EmbeddingFailure?
    while true {
      let (response, verdict) = try await ask(texts, as: role, encoding)
      switch verdict {
      case .answered(let reply):
        note(reply, to: encoding, insteadOf: first)
        return named(reply)
      case .refused(let failure, .other):
        throw try await withLikelyCause(failure, response, to: texts)
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

  /// Sends one request and judges its reply.
  func ask(
    _ texts: [String], as role: EmbeddingRole, _ encoding: VectorEncoding
  ) async throws(EmbeddingFailure) -> (HTTPResponse, Verdict) {
    let arrival = Locked(Arrival(stream: replyStream(count: texts.count)))
    let question = options.doubtsRepeats ? seen.withLock { $0.question(texts) } : nil
    var request = self.request(for: texts, as: role, encoding)
    request.reader = { bytes in arrival.withLock { $0.take(bytes, to: question, seen) } }
    do {
      let response = try await client.send(request)
      let arrival = arrival.withLock { $0 }
      return (response, verdict(on: response, arrival.stream, to: .texts(texts), question, repeated: arrival.fault))
    } catch {
      throw EmbeddingFailure(error)
    }
  }

  /// A reply on its way.
  private struct Arrival {
    var stream: EmbeddingsReplyStream
    private(set) var fault: SeenReplies.Fault?
    private var isJudged = false

    init(stream: EmbeddingsReplyStream) { self.stream = stream }

    /// Takes the next bytes. Its vectors are compared on the client's thread, where no later reply can be before it.
    mutating func take(
      _ bytes: UnsafeRawBufferPointer, to question: SeenReplies.Question?, _ seen: Locked<SeenReplies>
    ) -> HTTPRequest.Reading {
      guard stream.take(bytes) else { return .isUseless }
      if !isJudged, let question, let vectors = stream.vectorTags(for: question) {
        isJudged = true
        fault = seen.withLock { $0.fault(of: vectors, to: question) }
      }
      guard stream.hasVectors else { return .isUnclear }
      return stream.isAnswer && fault == nil && question?.isProvable != true ? .isAnswer : .isRead
    }
  }

  /// What reads the reply to so many texts.
  ///
  /// - Parameter shape: where the reply has what; nil for the format's own places.
  func replyStream(count: Int, _ shape: ReplyShape? = nil) -> EmbeddingsReplyStream {
    let cut = options.cutsLocally ? LocalCut(fullLength: habits.withLock(\.fullLength)) : nil
    return EmbeddingsReplyStream(shape ?? self.shape, count: count, dimensions: options.dimensions, cut: cut)
  }

  /// A request's body.
  func content(for texts: [String], as role: EmbeddingRole, _ encoding: VectorEncoding) -> EmbeddingsRequest {
    EmbeddingsRequest(
      format: options.format, model: options.endpoint.requestModel(options.model), texts: texts, encoding: encoding,
      encodingField: options.encodingField, dimensions: options.dimensionsField.map { ($0, options.dimensions) },
      fields: options.fields(for: role))
  }

  private func request(
    for texts: [String], as role: EmbeddingRole, _ encoding: VectorEncoding
  ) -> HTTPRequest {
    let mostBytesOfItem = EmbeddingsReplyStream.mostBytesOfItem(
      dimensions: options.dimensions, isCut: options.cutsLocally)
    return HTTPRequest(
      url: url, headers: headers, body: content(for: texts, as: role, encoding).json,
      maxReplyBytes: 65_536 + texts.count * mostBytesOfItem)
  }

  /// Remembers what a reply shows of its server, and says once what is otherwise than by the options.
  private func note(_ reply: EmbeddingReply, to encoding: VectorEncoding, insteadOf first: VectorEncoding) {
    if habits.withLock({ $0.answered(to: encoding) }) {
      let way = encoding == .unsaid ? "without \(options.encodingField ?? "")" : "as \(encoding.rawValue)"
      notify(
        "\(address) refuses \(options.encodingField ?? "") \(first.rawValue): vectors are asked for \(way) from now on")
    }
    if let alias = reply.modelAlias, habits.withLock({ $0.isNews(alias: alias) }) {
      notify(
        "\(address) answers as the model \(alias), and \(options.model) was asked for: check that they are the same")
    }
  }
}
