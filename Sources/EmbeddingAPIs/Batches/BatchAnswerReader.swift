import Backfill
import Foundation

/// Judges the lines of a file of answers, each as the synchronous API's reply to it would be judged.
struct BatchAnswerReader {
  private let embedder: APIEmbedder
  private let count: @Sendable (String) -> Int?
  private var number = 0
  /// Whether the ids that were answered in this file have vectors.
  private var answered: [String: Bool] = [:]

  /// - Parameter count: the texts of the line with this id, nil for an id that isn't known.
  init(_ embedder: APIEmbedder, count: @escaping @Sendable (String) -> Int?) {
    self.embedder = embedder
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
    guard let line = BatchLine(bytes), let id = line.id, let count = count(id) else { return nil }
    guard let status = line.status else { return .failure(id: id, failure(line, count)) }
    var headers = HTTPHeaders()
    if let requestID = line.requestID { headers.add("x-request-id", requestID) }
    var stream = embedder.replyStream(count: count)
    var body = Data()
    if let said = line.body {
      if status == 200 { _ = stream.take(said) } else { body = Data(said.prefix(HTTPRequest.keptBytes)) }
    }
    let response = HTTPResponse(ofBatchLine: status, headers: headers, body: body)
    return switch embedder.verdict(on: response, stream, to: .unseen(count)) {
    case .answered(let reply): .reply(id: id, reply)
    case .refused(let failure, _): .failure(id: id, failure)
    }
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
    if !codes.isDisjoint(with: ["batchexpired", "batchcancelled", "batchcanceled"]) {
      return EmbeddingFailure(.cancelled, "the batch ended before it")
    }
    if codes.contains("requesttimeout") {
      return EmbeddingFailure(.timedOut, "the provider didn't get to it in time", code: "request_timeout")
    }
    let response = HTTPResponse(ofBatchLine: error.status ?? 500, headers: HTTPHeaders(), body: Data())
    return EmbeddingFailure(refusal: response, error, redaction, address: embedder.address, now: embedder.now())
      ?? EmbeddingFailure(.transient, "the provider failed")
  }

  private func tooLong(_ beginning: UnsafeRawBufferPointer) -> BatchAnswer? {
    guard let id = BatchLine.id(inBeginning: beginning), count(id) != nil else { return nil }
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
