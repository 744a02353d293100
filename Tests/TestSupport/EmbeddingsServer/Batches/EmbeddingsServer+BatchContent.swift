import Backfill
import Foundation

extension EmbeddingsServer {
  /// Sends a file, whose answers are made as they are sent.
  func sendContent(
    of id: String, _ connection: HTTPConnection, _ dialect: BatchDialect = .openAI
  ) async throws -> Bool {
    let odd = desk.update { $0.script.contents.isEmpty ? nil : $0.script.contents.removeFirst() }
    if let odd { return try await send(odd, connection) }
    let (file, cut, hasLastBreak): (BatchDesk.File?, Int?, Bool) = desk.update { desk in
      let file = desk.files[id]
      let isGone = file == nil || file?.content == nil && desk.script.losesAnswers
      guard !isGone else { return (nil, nil, true) }
      let cut = desk.script.cuts.isEmpty ? nil : desk.script.cuts.removeFirst()
      if cut != nil { desk.log.cuts += 1 }
      return (file, cut, !desk.script.flaws.contains(.noBreakAtEnd))
    }
    guard let file else { return try await sendGone("File object: \(id)", connection, dialect) }
    try await connection.write(head(of: Response(200), 0, isChunked: true))
    var left = cut ?? .max
    let isMarked = file.content == nil && desk.value.script.flaws.contains(.mark)
    var piece = file.content ?? Data(isMarked ? "\u{FEFF}".utf8 : "".utf8)
    for (index, answer) in file.answers.enumerated() {
      piece += line(of: answer, index) + Data(index < file.answers.count - 1 || hasLastBreak ? "\n".utf8 : "".utf8)
      guard piece.count >= 1 << 16 || piece.count >= left else { continue }
      // An empty chunk would be the end.
      if left > 0 { try await connection.write(Self.chunk(piece.prefix(left))) }
      left -= min(left, piece.count)
      piece = Data()
      if left == 0 { break }
    }
    if !piece.isEmpty, left > 0 {
      try await connection.write(Self.chunk(piece.prefix(left)))
      left -= min(left, piece.count)
    }
    // A file that is shorter than its cut is whole but for its end.
    guard cut == nil else { return false }
    try await connection.write(Data("0\r\n\r\n".utf8))
    return true
  }

  private func line(of answer: BatchDesk.Answer, _ number: Int) -> Data {
    if case .garbage = answer.outcome { return Data(#"{"id":"batch_req_1","custom_id":"#.utf8) }
    let digits = String(number, radix: 16)
    let requestID = String(repeating: "0", count: 32 - digits.count) + digits
    let id = answer.id.map { "\"custom_id\":\($0)," } ?? ""
    if answer.dialect == .gemini { return geminiLine(of: answer) }
    let head = "{\"id\":\"batch_req_\(requestID)\",\(id)"
    func line(_ status: Int, _ body: Data) -> Data {
      Data("\(head)\"response\":{\"status_code\":\(status),\"request_id\":\"\(requestID)\",\"body\":".utf8) + body
        + Data("},\"error\":null}".utf8)
    }
    switch answer.outcome {
    case .vectors(let order, let distortion):
      let response = reply(to: order, .openAI, distortion)
      // A line has no break in it.
      return line(200, Data(response.body.filter { $0 != 0x0A }))
    case .refused(let response):
      let text = JSONValue.string(String(decoding: response.body, as: UTF8.self)).description
      let isJSON = (try? JSONDecoder().decode(JSONValue.self, from: response.body)) != nil
      // Mistral puts an error's JSON into a string.
      return line(response.status, answer.dialect == .mistral || !isJSON ? Data(text.utf8) : response.body)
    case .undone(let code):
      return Data("\(head)\"response\":null,\"error\":{\"code\":\"\(code)\",\"message\":\"It was not done.\"}}".utf8)
    case .garbage: return Data()
    }
  }
  /// A line of Gemini's: an answer of one text, or an error by its number.
  private func geminiLine(of answer: BatchDesk.Answer) -> Data {
    let key = answer.id.map { "\"key\":\($0)," } ?? ""
    func error(_ code: Int, _ message: String) -> Data {
      Data("{\(key)\"error\":{\"code\":\(code),\"message\":\(JSONValue.string(message))}}".utf8)
    }
    switch answer.outcome {
    case .vectors(let order, let distortion):
      let reply = String(decoding: reply(to: order, .gemini, distortion).body, as: UTF8.self)
      let embedding = reply.dropFirst("{\"embeddings\":[".count).dropLast("]}".count)
      let tokens = order.texts.reduce(0) { $0 + options.tokens($1) }
      let usage = desk.value.script.tellsTokens ? ",\"usageMetadata\":{\"promptTokenCount\":\(tokens)}" : ""
      return Data("{\(key)\"response\":{\"embedding\":\(embedding)\(usage)}}".utf8)
    case .refused(let response):
      let said = (try? JSONDecoder().decode(JSONValue.self, from: response.body))?.member("error").member("message")
      return error(
        [400: 3, 401: 16, 403: 7, 404: 5, 429: 8][response.status] ?? 13,
        said?.asText ?? String(decoding: response.body, as: UTF8.self))
    case .undone: return error(1, "It was not done.")
    case .garbage: return Data()
    }
  }
}
