import Backfill
import Foundation

@testable import EmbeddingAPIs

/// Replies as they come over HTTP.
enum ReplyCheck {
  static let texts = ["the first text, which nobody may tell", "second", "Der dritte Text \u{1F600}", "4"]
  static let model = "text-embedding-3-small"

  /// Its bytes: format, whether vectors are cut here, texts, dimensions, how many bytes come at once, whether a body without
  /// vectors is looked through for an error, and then the body.
  static func reply(_ bytes: [UInt8]) throws {
    var input = FuzzInput(bytes)
    let format = WireFormat.all[input.choice(WireFormat.all.count)]
    let isCut = input.choice(2) == 1
    let (count, dimensions) = (1 + input.choice(texts.count), 1 + input.choice(8))
    let pieceBytes = 1 << input.choice(12)
    let isJudged = input.choice(8) == 1
    let embedder = try embedder(format, dimensions: dimensions, isCut: isCut)
    var stream = embedder.replyStream(count: count)
    var isOfUse = true
    input.rest.withUnsafeBytes { body in
      var start = 0
      while start < body.count, isOfUse {
        let end = min(body.count, start + pieceBytes)
        isOfUse = stream.take(UnsafeRawBufferPointer(rebasing: body[start..<end]))
        start = end
      }
    }
    // Looking through it takes a hundred times as long as reading it.
    guard isJudged || (try? stream.reply()) != nil else { return }
    let kept = stream.hasVectors && input.rest.count > HTTPRequest.keptBytesOfRead ? Data() : Data(input.rest)
    try check(
      embedder.verdict(
        on: response(200, HTTPHeaders(), kept, isCut: !isOfUse), stream, to: .texts(Array(texts.prefix(count)))),
      count: count, dimensions: dimensions)
  }

  /// Its bytes: status and texts, lines of headers up to an empty one, and then the body.
  static func headers(_ bytes: [UInt8]) throws {
    var input = FuzzInput(bytes)
    let statuses = [429, 400, 401, 403, 404, 413, 422, 500, 503, 529, 301, 418, 200, 402]
    let status = statuses[input.choice(statuses.count)]
    let count = 1 + input.choice(texts.count)
    var headers = HTTPHeaders()
    var rest = input.rest
    while let end = rest.firstIndex(of: 0x0A) {
      let line = String(decoding: rest[..<end], as: UTF8.self)
      rest = rest[(end + 1)...]
      guard let colon = line.firstIndex(of: ":") else { break }
      headers.add(line[..<colon], line[line.index(after: colon)...])
    }
    let embedder = try embedder(.openAI, dimensions: 2, isCut: false)
    let response = response(status, headers, Data(rest), isCut: false)
    let verdict = embedder.verdict(
      on: response, embedder.replyStream(count: count), to: .texts(Array(texts.prefix(count))))
    try check(verdict, count: count, dimensions: 2)
    guard case .refused(let failure, _) = verdict else { throw Broken("vectors of a reply without a body") }
    for wait in [failure.retryAfter, failure.asksToWait].compactMap(\.self)
    where !(Duration.zero ... .seconds(31 * 86_400)).contains(wait) {
      throw Broken("a wait of \(wait)")
    }
    guard failure.badIndex.map((0..<count).contains) ?? true else { throw Broken("a text that was not sent") }
  }

  static func embedder(
    _ format: WireFormat, dimensions: Int, isCut: Bool
  ) throws -> APIEmbedder {
    var options = APIEmbedder.Options(
      format: format, endpoint: .baseURL("https://gateway.test/v1"), apiKey: APIKey(Canary.key), model: model,
      dimensions: dimensions)
    options.cutsLocally = isCut
    return try APIEmbedder(options, client: client.get())
  }

  /// It sends nothing.
  private static let client = Result { try HTTPClient(.init(proxy: "")) }

  private static func response(
    _ status: Int, _ headers: HTTPHeaders, _ body: Data, isCut: Bool
  ) -> HTTPResponse {
    HTTPResponse(
      status: status, headers: headers, body: body.prefix(HTTPRequest.keptBytes), isCut: isCut, generation: -1,
      connection: nil, isOfProvenConnection: true)
  }

  private static func check(_ verdict: APIEmbedder.Verdict, count: Int, dimensions: Int) throws {
    switch verdict {
    case .answered(let reply): try check(reply, count: count, dimensions: dimensions)
    case .refused(let failure, _): try check(failure)
    }
  }

  /// Checks that there is a vector for each text, and that each that is to be used can be.
  static func check(_ reply: EmbeddingReply, count: Int, dimensions: Int) throws {
    guard reply.vectors.count == count, reply.vectors.dimensions == dimensions else {
      throw Broken("\(reply.vectors.count) vectors of \(reply.vectors.dimensions) for \(count) of \(dimensions)")
    }
    guard reply.unusable.count < count, reply.unusable.keys.allSatisfy((0..<count).contains) else {
      throw Broken("unusable: \(reply.unusable.keys.sorted())")
    }
    for index in 0..<count where reply.unusable[index] == nil {
      let vector = reply.vectors[index]
      guard vector.allSatisfy(\.isFinite), vector.contains(where: { $0 != 0 }) else {
        throw Broken("a vector that no row may have: \(vector)")
      }
    }
    for told in Array(reply.unusable.values) + [reply.requestID, reply.modelAlias].compactMap(\.self) {
      try Canary.check(told, run: 8)
    }
  }

  static func check(_ failure: EmbeddingFailure) throws {
    for told in [failure.reason, failure.code, failure.requestID, failure.serverMessage].compactMap(\.self) {
      try Canary.check(told, run: 8)
    }
    guard failure.serverMessage?.count ?? 0 <= 300 else { throw Broken("a message without end") }
  }
}
