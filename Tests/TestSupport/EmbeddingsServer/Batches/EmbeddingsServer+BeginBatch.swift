import Backfill
import Foundation

extension EmbeddingsServer {
  /// A line of an input file.
  private struct InputLine: Decodable {
    private enum CodingKeys: String, CodingKey {
      case url, body
      case id = "custom_id"
    }

    let id: String?
    let url: String?
    let body: Order
  }

  /// A line of Gemini's.
  private struct GeminiLine: Decodable {
    let key: String?
    let request: JSONValue
  }

  /// Begins a batch. What it will do is billed at once, so that one that nobody looks at counts, too.
  func begin(_ message: HTTPMessage, isMistral: Bool, _ connection: HTTPConnection) async throws -> Bool {
    let asked = (try? JSONDecoder().decode(JSONValue.self, from: message.body)) ?? .null
    let named: JSONValue? =
      if isMistral, case .array(let files) = asked.member("input_files") { files.first } else {
        asked.member("input_file_id")
      }
    guard let id = named?.asText, asked.member("endpoint") == .string("/v1/embeddings"),
      isMistral || asked.member("completion_window") == .string("24h")
    else { return try await send(.error(400, type: "invalid_request_error", message: "no such batch"), connection) }
    guard let content = contentToBegin(with: id) else {
      return try await send(
        .error(
          400, type: "invalid_request_error", message: "The file \(id) is not ready or not there.",
          parameter: "input_file_id"), connection)
    }
    let dialect: BatchDialect = isMistral ? .mistral : .openAI
    let lines = content.split(separator: 0x0A).map { answer(to: Data($0), dialect) }
    return try await begin(lines, of: id, asked.member("metadata"), dialect, connection)
  }

  /// The content of a file that a batch is asked for; nil where it isn't there, or not ready yet.
  func contentToBegin(with file: String) -> Data? {
    desk.update { desk in
      guard !desk.takes(\.notReady) else {
        desk.log.notReady += 1
        return nil
      }
      return desk.files[file]?.content
    }
  }

  func begin(
    _ lines: [BatchDesk.Answer], of id: String, _ metadata: JSONValue, _ dialect: BatchDialect,
    _ connection: HTTPConnection
  ) async throws -> Bool {
    let (batch, isLost, hasFailed) = desk.update { desk in
      var batch = BatchDesk.Batch(
        id: desk.nextID("batch_"), dialect: dialect, inputFile: id, metadata: metadata,
        createdAt: BatchDesk.now, lines: lines, ending: desk.nextEnding())
      let enqueued = desk.batches.filter { !$0.hasEnded }.reduce(0) { $0 + $1.inputs }
      if let most = desk.script.mostEnqueuedInputs, enqueued + batch.inputs > most {
        batch.ending = .failed(code: "token_limit_exceeded")
        desk.log.overEnqueued += 1
      }
      batch.applyEnding()
      desk.batches.append(batch)
      desk.log.begun += 1
      let isLost = desk.takes(\.lostSubmits)
      if isLost { desk.log.lostReplies += 1 }
      let hasFailed = desk.takes(\.failingSubmits)
      if hasFailed { desk.log.lostReplies += 1 }
      return (batch, isLost, hasFailed)
    }
    if case .failed = batch.ending {} else { bill(batch.lines.flatMap(\.texts)) }
    if isLost {
      try connection.reset()
      return false
    }
    if hasFailed { return try await send(.error(500, type: "server_error"), connection) }
    return try await send(batch.json, connection)
  }

  /// What becomes of a line: rules that are for texts hold for it as they do for a request.
  private func answer(to line: Data, _ dialect: BatchDialect) -> BatchDesk.Answer {
    guard let input = try? JSONDecoder().decode(InputLine.self, from: line) else {
      return BatchDesk.Answer(id: nil, outcome: .undone("invalid_request"), dialect: dialect)
    }
    let message = HTTPMessage(
      method: "POST", target: input.url ?? "/v1/embeddings",
      headers: ["authorization": "Bearer \(options.apiKey ?? "")"], body: Data())
    return BatchDesk.Answer(
      id: input.id.map(JSONValue.string), outcome: outcome(of: input.body, as: message), dialect: dialect)
  }

  /// The same for a line of Gemini's, which names no model.
  func answer(to line: Data, model: String) -> BatchDesk.Answer {
    guard let input = try? JSONDecoder().decode(GeminiLine.self, from: line),
      case .object(var request) = input.request, request["model"] == nil
    else { return BatchDesk.Answer(id: nil, outcome: .undone("invalid_request"), dialect: .gemini) }
    request["model"] = .string("models/\(model)")
    let body = JSONValue.object(["requests": .array([.object(request)])]).description
    guard let order = try? JSONDecoder().decode(Order.self, from: Data(body.utf8)) else {
      return BatchDesk.Answer(id: nil, outcome: .undone("invalid_request"), dialect: .gemini)
    }
    let message = HTTPMessage(
      method: "POST", target: "/v1beta/models/\(options.model):batchEmbedContents",
      headers: ["x-goog-api-key": options.apiKey ?? ""], body: Data())
    return BatchDesk.Answer(
      id: input.key.map(JSONValue.string), outcome: outcome(of: order, as: message), dialect: .gemini)
  }

  private func outcome(of order: Order, as message: HTTPMessage) -> BatchDesk.Answer.Outcome {
    let order = order.cut(toWords: options.readsWords)
    let arrival = Rule.Arrival(
      number: -1, connection: -1, texts: order.texts, tokens: order.texts.reduce(0) { $0 + options.tokens($1) },
      encodingFormat: order.encodingFormat)
    switch rule(for: arrival) {
    case .respond(let response): return .refused(response)
    case .respondTo(let response): return .refused(response(order.texts))
    case .distort(let distortion): return .vectors(order, distortion)
    default: return refusal(of: message, order).map { .refused($0) } ?? .vectors(order, nil)
    }
  }
}

extension EmbeddingsServer.BatchDesk.Batch {
  /// Leaves undone what the ending leaves so.
  fileprivate mutating func applyEnding() {
    switch ending {
    case .completed, .failed: break
    case .allFailed:
      for index in lines.indices {
        lines[index].outcome = .refused(.error(500, type: "server_error", message: "The server had an error."))
      }
    case .expired(let done):
      for index in lines.indices.dropFirst(done) { lines[index].outcome = .undone("batch_expired") }
    }
  }
}
