import Backfill
import Foundation
import TestSupport
import Testing

@testable import EmbeddingAPIs

/// What the lines of files of answers say, and what of it may be told.
struct BatchAnswerReaderTests {
  private func reader(_ endpoint: Endpoint = .openAI) throws -> BatchAnswerReader {
    let options = APIEmbedder.Options(
      endpoint: endpoint, apiKey: APIKey("sk-secret-of-mine"), model: "text-embedding-3-small", dimensions: 2)
    return BatchAnswerReader(try APIEmbedder(options, client: HTTPClient(.init(proxy: "")))) { $0 == "a" ? 2 : nil }
  }

  private func failure(_ rest: String, _ endpoint: Endpoint = .openAI) throws -> EmbeddingFailure? {
    var reader = try reader(endpoint)
    let line = "{\"id\":\"batch_req_1\",\"custom_id\":\"a\",\(rest)}"
    if case .failure("a", let failure) = reader.answer(.whole(Array(line.utf8))) { return failure }
    return nil
  }

  private static func reply(_ body: String, status: Int = 200) -> String {
    #""response":{"status_code":\#(status),"request_id":"0f3c0f3c0f3c0f3c0f3c0f3c0f3c0f3c","body":\#(body)},"error":null"#
  }

  private static func vectors(model: String = "text-embedding-3-small", _ vectors: String...) -> String {
    let items = vectors.enumerated().map { "{\"index\":\($0),\"embedding\":\($1)}" }.joined(separator: ",")
    return reply("{\"model\":\"\(model)\",\"data\":[\(items)],\"usage\":{\"prompt_tokens\":5}}")
  }

  @Test(
    arguments: [
      (#""response":null,"error":{"code":"batch_expired","message":"too late"}"#, .cancelled, false),
      (#""response":null,"error":{"code":"batch_cancelled","message":"cancelled"}"#, .cancelled, false),
      (#""response":null,"error":{"code":"request_timeout","message":"slow"}"#, .timedOut, false),
      (#""response":null,"error":{"code":"odd","message":"who knows"}"#, .transient, false),
      (#""response":null,"error":null"#, .brokenReply, true), (#""error":null"#, .brokenReply, true),
      (reply(#"{"error":{"message":"no","code":"context_length_exceeded"}}"#, status: 400), .badInput, false),
      (reply(#"{"error":{"message":"Invalid 'input': maximum input length is 8192"}}"#, status: 400), .badInput, false),
      // Mistral's: an error's JSON in a string.
      (
        reply(#""{\"message\":\"no\",\"type\":\"invalid_request_file\",\"code\":\"3310\"}""#, status: 400), .badInput,
        false
      ),
      (reply(#""{\"message\":\"no\",\"type\":\"max_tokens_per_request\"}""#, status: 400), .tooLarge, false),
      (reply(#"{"error":{"message":"slow down"}}"#, status: 429), .rateLimited, false),
      (reply(#"{"error":{"message":"oops"}}"#, status: 500), .transient, false),
      (reply("null", status: 500), .transient, false), (reply("null"), .brokenReply, true),
      (reply("{}"), .brokenReply, true), (reply("\"text\""), .brokenReply, true),
      (vectors("[1,0]"), .brokenReply, true), (vectors("[1,0]", "[0,1]", "[1,1]"), .brokenReply, true),
      (vectors("[1,0,1]", "[0,1,1]"), .brokenReply, true), (vectors("null", "null"), .brokenReply, true),
      (vectors(model: "text-embedding-3-large", "[1,0]", "[0,1]"), .misconfigured, true),
    ] as [(String, EmbeddingFailure.Kind, Bool)])
  func `a line without vectors is a failure of its kind`(
    _ rest: String, _ kind: EmbeddingFailure.Kind, _ mayHaveBeenBilled: Bool
  ) throws {
    let failure = try failure(rest)
    #expect(failure?.kind == kind, "\(failure.map { "\($0)" } ?? "none")")
    #expect(failure?.mayHaveBeenBilled == mayHaveBeenBilled)
  }

  @Test(arguments: [
    #""status_code":200,"#, #""status_code":"200","#, #""status_code":"OK","#, #""status_code":null,"#, "",
  ])
  func `a line with vectors is a reply whatever the form of its status`(_ status: String) throws {
    let body = #"{"data":[{"index":0,"embedding":[1,0]},{"index":1,"embedding":[0,1]}]}"#
    let text = String(decoding: try JSONEncoder().encode(body), as: UTF8.self)
    for body in [body, text] {
      var reader = try reader()
      let line = "{\"custom_id\":\"a\",\"response\":{\(status)\"body\":\(body)},\"error\":null}"
      guard case .reply("a", let reply) = reader.answer(.whole(Array(line.utf8))) else {
        Issue.record("\(line) has vectors")
        continue
      }
      #expect(reply.vectors == Vectors(dimensions: 2, values: [1, 0, 0, 1]))
    }
  }

  @Test(
    arguments: [
      (#""status_code":"400","body":{"error":{"message":"no"}}"#, .badInput),
      (#""status_code":"500","body":{"error":{"message":"no"}}"#, .transient),
      (#""body":{"error":{"message":"no","code":400}}"#, .badInput),
      (#""body":{"error":{"message":"slow down","code":429}}"#, .rateLimited),
    ] as [(String, EmbeddingFailure.Kind)])
  func `a line with an error is no reply whatever the form of its status`(
    _ response: String, _ kind: EmbeddingFailure.Kind
  ) throws {
    #expect(try failure("\"response\":{\(response)},\"error\":null")?.kind == kind)
  }

  @Test(arguments: [
    "invalid api key", "your credit balance is too low", "model not found", "unauthorized: rate limit exceeded",
  ])
  func `a text that a server quotes ends no run, and is not told`(text: String) throws {
    let error = #"{"error":{"message":"cannot embed: \#(text)","type":"invalid_request_error","param":null}}"#
    let said = try #require(try failure(Self.reply(error, status: 400)))
    #expect(said.kind == .badInput)
    #expect(!"\(said)".contains(text))
  }

  @Test func `nothing of a line tells of texts or the key, wherever they stand`() throws {
    for word in ["my-diary-of-today", "sk-secret-of-mine", "diary"] {
      for status in [200, 400, 403, 418, 429, 500] {
        let body = #"{"error":{"message":"\#(word)","type":"\#(word)","code":"\#(word)"},"model":"\#(word)"}"#
        let rest = Self.reply(body, status: status).replacing("0f3c0f3c0f3c0f3c0f3c0f3c0f3c0f3c", with: word)
        let said = try #require(try failure(rest, .baseURL("http://127.0.0.1:9/v1")))
        #expect(!"\(said)".contains(word), "\(said)")
      }
      let said = try #require(try failure(#""response":null,"error":{"code":"\#(word)","message":"\#(word)"}"#))
      #expect(!"\(said)".contains(word), "\(said)")
    }
  }

  @Test func `two models are never mixed, also where a server answers by names of its own`() throws {
    var reader = try reader(.baseURL("http://127.0.0.1:9/v1"))
    func line(_ model: String) -> LineSplitter.Line {
      .whole(Array("{\"custom_id\":\"a\",\(Self.vectors(model: model, "[1,0]", "[0,1]"))}".utf8))
    }
    guard case .reply("a", let first) = reader.answer(line("one.gguf")) else {
      Issue.record("the first answer's name is taken")
      return
    }
    #expect(first.billedTokens == 5 && first.requestID == "0f3c0f3c0f3c0f3c0f3c0f3c0f3c0f3c")
    #expect(first.modelAlias == nil)
    // A second answer to one line is unknown; what counts here is that it is no reply.
    if case .reply = reader.answer(line("two.gguf")) { Issue.record("another model's vectors were taken") }
  }

  @Test(arguments: ["", ",", "{", "[]", "null", "{\"custom_id\":7}", "{\"custom_id\":\"b\"}", "{\"custom_id\":\"a\""])
  func `a line that answers nothing known is told by its number`(line: String) throws {
    var reader = try reader()
    guard case .unknown(line: 1) = reader.answer(.whole(Array(line.utf8))) else {
      Issue.record("\(line) is no answer")
      return
    }
  }

  /// A server that speaks OpenAI's API may call its states as it likes.
  @Test(
    arguments: [
      (#""output_file_id":"o","request_counts":{"total":3,"completed":3,"failed":0}"#, .completed),
      (#""output_file_id":"o","error_file_id":"e","request_counts":{"total":3,"completed":1,"failed":2}"#, .completed),
      (#""error_file_id":"e","request_counts":{"total":3,"completed":0,"failed":3}"#, .completed),
      (#""output_file_id":"o","request_counts":{"total":3,"completed":2,"failed":0}"#, .underWay),
      (#""output_file_id":"o","request_counts":{"total":0,"completed":0,"failed":0}"#, .underWay),
      (#""output_file_id":"o""#, .underWay), (#""request_counts":{"total":3,"completed":3,"failed":0}"#, .underWay),
    ] as [(String, ProviderBatch.State)], ["succeeded", "Done", "in_progress", ""])
  func `a batch that has done all and shows it has ended, whatever its state is called`(
    _ shown: (rest: String, state: ProviderBatch.State), _ word: String
  ) throws {
    let options = APIEmbedder.Options(model: "m", dimensions: 2)
    let embedder = try APIEmbedder(options, client: HTTPClient(.init(proxy: "")))
    let limits = BatchFileLimits(bytes: 1_000, inputs: 10, lines: 10)
    let json = try #require(JSONValue(Data(#"{"id":"b","status":"\#(word)",\#(shown.rest)}"#.utf8)))
    #expect(try OpenAIBatches(embedder, BatchOptions(limits: limits)).record(json).batch.state == shown.state)
  }

  @Test func `a line that is too long fails the line whose id it begins with`() throws {
    var reader = try reader()
    let beginning = Array("{\"id\":\"x\",\"custom_id\":\"a\",\"response\":{\"status_code\":200,\"body\":{\"da".utf8)
    guard case .failure("a", let failure) = reader.answer(.tooLong(beginning: beginning)) else {
      Issue.record("it has the id a")
      return
    }
    #expect(failure.kind == .brokenReply && failure.mayHaveBeenBilled)
    guard case .unknown(line: 2) = reader.answer(.tooLong(beginning: Array("{\"id\":\"x\"".utf8))) else {
      Issue.record("it has no id")
      return
    }
  }
}
