import Backfill
import Foundation

/// Judges the lines of a file of answers, each as the synchronous API's reply to it would be judged.
struct BatchAnswerReader {
  private let embedder: APIEmbedder
  private let form: BatchLine.Form
  private let count: @Sendable (String) -> Int?
  private var number = 0
  /// Whether the ids that were answered in this file have vectors.
  private var answered: [String: Bool] = [:]

  /// Whether a line of the file answers something that was asked.
  var hasAnswer: Bool { !answered.isEmpty }

  /// - Parameter count: the texts of the line with this id, nil for an id that isn't known.
  init(_ embedder: APIEmbedder, _ form: BatchLine.Form = .openAI, count: @escaping @Sendable (String) -> Int?) {
    self.embedder = embedder
    self.form = form
    self.count = count
  }

  /// What the file's next line says. An id's second answer is unknown, except vectors behind a failure.
  mutating func answer(_ line: LineSplitter.Line) -> BatchAnswer {
    number += 1
    let said =
      switch line {
      case .whole(let bytes): bytes.withUnsafeBytes { judged($0) }
      case .tooLong(let beginning): beginning.withUnsafeBytes { tooLong($0) }
      }
    guard let said, let (id, hasVectors) = said.about else { return .unknown(line: number) }
    if let earlier = answered[id], earlier || !hasVectors { return .unknown(line: number) }
    answered[id] = hasVectors
    return said
  }

  /// Nil for a line of which nobody knows what it answers.
  private func judged(_ bytes: UnsafeRawBufferPointer) -> BatchAnswer? {
    guard let line = BatchLine(bytes, form), let id = line.id, let count = count(id) else { return nil }
    guard let status = line.status else { return .failure(id: id, failure(line, count)) }
    var headers = HTTPHeaders()
    if let requestID = line.requestID { headers.add("x-request-id", requestID) }
    var stream = embedder.replyStream(count: count, form == .gemini ? Self.shapeOfGemini : nil)
    var body = Data()
    if form == .gemini {
      Self.take(line, into: &stream)
    } else if let said = line.body {
      if HTTPResponse.isSuccess(status) {
        Self.take(said, into: &stream)
      } else {
        body = Data(said.prefix(HTTPRequest.keptBytes))
      }
    }
    let response = HTTPResponse(ofBatchLine: status, headers: headers, body: body)
    return switch embedder.verdict(on: response, stream, to: .unseen(count)) {
    case .answered(let reply): .reply(id: id, embedder.named(reply))
    case .refused(let failure, _): .failure(id: id, failure)
    }
  }

  /// Gemini's reply to one text is read as a list of one, with the tokens beside it.
  private static let shapeOfGemini = ReplyShape(list: [["embeddings"]], vector: "values", usage: [["tokens"]])

  private static func take(_ line: BatchLine, into stream: inout EmbeddingsReplyStream) {
    let isBare = line.embedding?.first == UInt8(ascii: "[")
    let tail = (isBare ? "}" : "") + (line.tokens.map { "],\"tokens\":\($0)}" } ?? "]}")
    let head = "{\"embeddings\":[" + (isBare ? "{\"values\":" : "")
    var isFine = Array(head.utf8).withUnsafeBytes { stream.take($0) }
    if let embedding = line.embedding { isFine = isFine && stream.take(embedding) }
    if isFine { _ = Array(tail.utf8).withUnsafeBytes { stream.take($0) } }
  }

  /// A reply's JSON, or a string that holds it.
  private static func take(_ body: UnsafeRawBufferPointer, into stream: inout EmbeddingsReplyStream) {
    guard body.first == UInt8(ascii: "\""), var scanner = try? JSONScanner(body) else {
      _ = stream.take(body)
      return
    }
    try? scanner.withString { text in _ = stream.take(UnsafeRawBufferPointer(text)) }
  }

  /// Why a line has no response.
  private func failure(_ line: BatchLine, _ count: Int) -> EmbeddingFailure {
    guard let said = line.error else {
      return EmbeddingFailure(
        .brokenReply, "the line has neither a response nor an error", mayHaveBeenBilled: true)
    }
    let redaction = embedder.redaction(of: .unseen(count))
    let error = ProviderError(Data(said), redaction)
    let codes = Set(error.words.map(ErrorRule.normalized))
    if line.code == .cancelled || !codes.isDisjoint(with: ["batchexpired", "batchcancelled", "batchcanceled"]) {
      return EmbeddingFailure(.cancelled, "the batch ended before it")
    }
    if line.code == .deadlineExceeded || codes.contains("requesttimeout") {
      return EmbeddingFailure(.timedOut, "the provider didn't get to it in time", code: "request_timeout")
    }
    let status = error.status ?? line.code?.httpStatus ?? 500
    let response = HTTPResponse(ofBatchLine: status, headers: HTTPHeaders(), body: Data())
    return EmbeddingFailure(refusal: response, error, redaction, address: embedder.address, now: embedder.now())
      ?? EmbeddingFailure(.transient, "the provider failed")
  }

  private func tooLong(_ beginning: UnsafeRawBufferPointer) -> BatchAnswer? {
    guard let id = BatchLine.id(inBeginning: beginning, form), count(id) != nil else { return nil }
    return .failure(
      id: id,
      EmbeddingFailure(
        .brokenReply, "the reply can't be used: \(EmbeddingsReply.tooLong)", mayHaveBeenBilled: true))
  }
}

extension BatchAnswer {
  /// The line that it answers, and whether with vectors; nil where that is not known.
  fileprivate var about: (id: String, hasVectors: Bool)? {
    switch self {
    case .reply(let id, _): (id, true)
    case .failure(let id, _): (id, false)
    case .unknown: nil
    }
  }
}

extension HTTPResponse {
  /// A reply that came as a line of a file: it says nothing of a connection.
  init(ofBatchLine status: Int, headers: HTTPHeaders, body: Data) {
    self.init(
      status: status, headers: headers, body: body, isCut: false, generation: -1, connection: nil,
      isOfProvenConnection: true)
  }
}
