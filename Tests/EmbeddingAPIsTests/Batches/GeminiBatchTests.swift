import Backfill
import Foundation
import TestSupport
import Testing

@testable import EmbeddingAPIs

/// What is peculiar to Gemini's batches.
@Suite(.timeLimit(.minutes(1)))
struct GeminiBatchTests {
  private static func batches() throws -> GeminiBatches {
    let options = APIEmbedder.Options(
      format: .gemini, endpoint: .baseURL("https://h/v1beta"), apiKey: APIKey("k-secret-of-mine"), model: "m",
      dimensions: 2)
    let limits = BatchFileLimits(bytes: 1_000, inputs: 10, lines: 10)
    return try GeminiBatches(APIEmbedder(options, client: HTTPClient(.init(proxy: ""))), BatchOptions(limits: limits))
  }

  private static func operation(_ json: String) throws -> BatchRecord {
    try batches().record(try #require(JSONValue(Data(json.utf8))))
  }

  @Test func `a line has one text under its key, with all that a request says but the model`() async throws {
    try await EmbeddingsServer.run { server in
      let batches = try server.batches(.gemini) {
        $0.dimensionsField = "outputDimensionality"
        $0.body = ["title": .string("a \"b\"\n")]
      }
      #expect(batches.limits.inputsOfLine == 1)
      let line = batches.line("id-\"1\"", ["one \"two\"\n ü \u{1F600}"])
      #expect(line.last == 0x0A && line.count { $0 == 0x0A } == 1)
      let request: JSONValue = .object([
        "content": .object(["parts": .array([.object(["text": .string("one \"two\"\n ü \u{1F600}")])])]),
        "outputDimensionality": .integer(8), "taskType": .string("RETRIEVAL_DOCUMENT"), "title": .string("a \"b\"\n"),
      ])
      let json = try JSONDecoder().decode(JSONValue.self, from: Data(line))
      #expect(json == .object(["key": .string("id-\"1\""), "request": request]))
      let plain = try server.batches(.gemini) { $0.documentFields = [:] }.line("a", ["b"])
      #expect(
        String(decoding: plain, as: UTF8.self) == #"{"key":"a","request":{"content":{"parts":[{"text":"b"}]}}}"# + "\n")
    }
  }

  @Test(
    arguments: [
      ("UNSPECIFIED", .underWay), ("QUEUED", .underWay), ("PENDING", .underWay), ("RUNNING", .underWay),
      ("PAUSED", .underWay), ("UPDATING", .underWay), ("CANCELLING", .underWay), ("SOMETHING_NEW", .underWay),
      ("SUCCEEDED", .completed), ("PARTIALLY_SUCCEEDED", .completed), ("FAILED", .failed), ("CANCELLED", .cancelled),
      ("EXPIRED", .expired),
    ] as [(String, ProviderBatch.State)], ["BATCH_STATE_", "JOB_STATE_"])
  func `a state is known by either of its names, and one that isn't known goes on`(
    _ known: (name: String, state: ProviderBatch.State), _ prefix: String
  ) throws {
    let batch = try Self.operation(
      #"{"name":"batches/b-1","metadata":{"state":"\#(prefix)\#(known.name)"}}"#
    ).batch
    #expect(batch.id == "b-1" && batch.state == known.state && batch.told == prefix + known.name)
  }

  @Test(
    arguments: [
      (#""response":{"responsesFile":"files/out-1"}"#, .completed), (#""response":{}"#, .completed),
      (#""error":{"code":1,"message":"m"}"#, .cancelled), (#""error":{"code":13,"message":"m"}"#, .failed),
    ] as [(String, ProviderBatch.State)])
  func `an operation that is done has ended, whatever its state is called`(
    _ result: String, _ state: ProviderBatch.State
  ) throws {
    let batch = try Self.operation(
      #"{"name":"batches/b","metadata":{"state":"BATCH_STATE_NEW"},"done":true,\#(result)}"#
    ).batch
    #expect(batch.state == state)
    #expect(batch.outputFile == (result.contains("out-1") ? "out-1" : nil))
  }

  @Test func `a batch is read with its numbers as texts, its times to the nanosecond and what it is found by`() throws {
    let record = try Self.operation(
      #"""
      {"name":"batches/b","metadata":{"displayName":"vecfill-articles-3f.jsonl 0123abcd",
       "inputConfig":{"fileName":"files/in-1"},"createTime":"2014-10-02T15:01:23.045123456Z",
       "batchStats":{"requestCount":"9000000000","successfulRequestCount":8},"state":"JOB_STATE_PARTIALLY_SUCCEEDED",
       "output":{"responsesFile":"files/out-1"}}}
      """#)
    #expect(record.batch.createdAt == Date(timeIntervalSince1970: 1_412_262_083))
    #expect([record.batch.total, record.batch.completed, record.batch.failedRequests] == [9_000_000_000, 8, 0])
    #expect(record.batch.outputFile == "out-1" && record.inputFiles == ["in-1"] && record.nonce == "0123abcd")
  }

  @Test(arguments: [#"{}"#, #"{"name":""}"#, #"{"name":"batches/"}"#, #"{"name":"batches/../x"}"#, #"{"name":7}"#])
  func `what has no name that can stand in a URL is no batch`(json: String) throws {
    #expect(throws: EmbeddingFailure.self) { try Self.operation(json) }
  }

  @Test func `a batch that failed and has done something has only ended early`() throws {
    let batch = try Self.operation(
      #"{"name":"batches/b","metadata":{"state":"BATCH_STATE_FAILED","batchStats":{"successfulRequestCount":"2"}},"#
        + #""done":true,"error":{"code":13,"message":"m"}}"#
    ).batch
    #expect(batch.state == .expired && batch.completed == 2 && batch.error == nil)
  }

  private static func failure(_ rest: String) throws -> EmbeddingFailure? {
    var reader = BatchAnswerReader(try batches().api.embedder, .gemini) { $0 == "a" ? 1 : nil }
    if case .failure("a", let failure) = reader.answer(.whole(Array("{\"key\":\"a\",\(rest)}".utf8))) { return failure }
    return nil
  }

  @Test(
    arguments: [
      (#""error":{"code":3,"message":"m"}"#, .badInput, false), (#""error":{"code":9}"#, .badInput, false),
      (#""error":{"code":"3"}"#, .badInput, false),
      (
        #""error":{"code":3,"message":"The input token count (9000) exceeds the maximum number of tokens"}"#, .tooLarge,
        false
      ),
      (#""error":{"code":1}"#, .cancelled, false), (#""error":{"code":4}"#, .timedOut, false),
      (#""error":{"code":8}"#, .rateLimited, false), (#""error":{"code":16}"#, .denied, false),
      (#""error":{"code":13}"#, .transient, false), (#""error":{"code":14}"#, .transient, false),
      (#""error":{"code":99}"#, .transient, false), (#""error":{}"#, .transient, false),
      (#""error":"what""#, .transient, false), (#""error":{"code":400,"status":"INVALID_ARGUMENT"}"#, .badInput, false),
      (#""response":{"error":{"code":3}}"#, .badInput, false),
      (#""response":{}"#, .brokenReply, true), (#""response":null"#, .brokenReply, true),
      (#""error":null"#, .brokenReply, true), (#""response":{"embedding":null}"#, .brokenReply, true),
      (#""response":{"embedding":{}}"#, .brokenReply, true),
      (#""response":{"embedding":{"values":[1]}}"#, .brokenReply, true),
      (#""response":{"embedding":{"values":[1,0,1]}}"#, .brokenReply, true),
      (#""response":{"embedding":{"values":[0,0]}}"#, .brokenReply, true),
      (#""response":{"embedding":{"values":[1,null]}}"#, .brokenReply, true),
      (#""response":{"embedding":[{"values":[1,0]}]}"#, .brokenReply, true),
    ] as [(String, EmbeddingFailure.Kind, Bool)])
  func `a line without a vector is a failure of its kind`(
    _ rest: String, _ kind: EmbeddingFailure.Kind, _ mayHaveBeenBilled: Bool
  ) throws {
    let failure = try Self.failure(rest)
    #expect(failure?.kind == kind, "\(failure.map { "\($0)" } ?? "none")")
    #expect(failure?.mayHaveBeenBilled == mayHaveBeenBilled)
  }

  /// Google's types have more than one place for a vector, and a line of answers is not verified.
  @Test(arguments: [
    #""response":{"embedding":{"values":[1,2]}}"#, #""response":{"embeddings":[{"values":[1,2],"shape":[2]}]}"#,
    #""embedding":{"values":[1,2]}"#, #""embeddings":[{"values":[1,2]}]"#, #""response":{"values":[1,2]}"#,
    #""response":{"embedContentResponse":{"embedding":{"values":[1,2]}}}"#,
    #""embedContentResponse":{"embedding":{"values":[1,2]}}"#, #""values":[1,2]"#,
    #""response":{"embedding":{"values":[1,2]}},"error":null,"status":{"values":7}"#,
  ])
  func `a line's vector is read wherever Google's types have one`(_ rest: String) throws {
    var reader = BatchAnswerReader(try Self.batches().api.embedder, .gemini) { $0 == "a" ? 1 : nil }
    let line = "{\"key\":\"a\",\(rest),\"tokenCount\":5}"
    guard case .reply("a", let reply) = reader.answer(.whole(Array(line.utf8))) else {
      Issue.record("\(line) has a vector")
      return
    }
    #expect(reply.vectors == Vectors(dimensions: 2, values: [1, 2]))
    #expect(reply.billedTokens == 5)
  }

  @Test(arguments: [
    #""response":{"embeddings":[{"values":[1,0]},{"values":[0,1]}]}"#, #""response":{"embeddings":[]}"#,
    #""response":{"embeddings":[[1,0]]}"#, #""metadata":{"embedding":{"values":[1,0]}}"#,
    #""response":{"values":[[1,0]]}"#,
  ])
  func `what may not be the text's own vector is none`(_ rest: String) throws {
    #expect(try Self.failure(rest)?.kind == .brokenReply)
  }

  @Test func `nothing of a line tells of texts or the key`() throws {
    for word in ["my-diary-of-today", "k-secret-of-mine"] {
      for code in 0...17 {
        let said = try #require(
          try Self.failure(#""error":{"code":\#(code),"message":"\#(word)","status":"\#(word)"}"#))
        #expect(!"\(said)".contains(word), "\(said)")
      }
    }
  }

  @Test(
    arguments: [
      (#""usageMetadata":{"promptTokenCount":7}"#, 7), (#""usageMetadata":{"promptTokenCount":"7"}"#, 7),
      (#""tokenCount":"6""#, 6), (#""tokenCount":5"#, 5), (#""usageMetadata":{}"#, nil),
      (#""usageMetadata":null"#, nil),
      (#""tokenCount":0"#, nil), (#""statistics":{"tokenCount":3}"#, nil),
    ] as [(String, Int?)])
  func `tokens count where a line tells them`(_ usage: String, _ tokens: Int?) throws {
    var reader = BatchAnswerReader(try Self.batches().api.embedder, .gemini) { _ in 1 }
    for line in [
      #"{"key":"a","response":{"embedding":{"values":[1,0]},\#(usage)}}"#,
      #"{"response":{\#(usage),"embedding":{"values":[0,1],"shape":[2]}},"key":"b"}"#,
    ] {
      guard case .reply(_, let reply) = reader.answer(.whole(Array(line.utf8))) else {
        Issue.record("\(line) is a reply")
        continue
      }
      #expect(reply.billedTokens == tokens && reply.vectors.count == 1)
    }
  }

  @Test func `a file is sent nowhere else than to the API's own address`() async throws {
    try await EmbeddingsServer.run { other in
      try await EmbeddingsServer.run { server in
        server.script { $0.placeOfUploads = "\(other.root)/upload/v1beta/files" }
        let scene = try BatchScene(.gemini, server)
        let failure = await batchFailure { try await scene.upload() }
        #expect(failure?.kind == .misconfigured && failure?.reason.contains("at another address") == true)
        #expect(server.batchLog.calls == ["POST /upload/v1beta/files"])
        #expect(other.batchLog.calls.isEmpty && other.record.requests.isEmpty)
      }
    }
  }

  @Test func `more than may be enqueued is refused at once, unbilled, and told as a limit`() async throws {
    try await EmbeddingsServer.run { server in
      server.script { $0.heldSubmits = 1 }
      let scene = try BatchScene(.gemini, server)
      let file = try await scene.upload()
      let failure = await batchFailure { try await scene.provider.submit(scene.intent, file: file) }
      #expect(failure?.kind == .rateLimited && failure?.mayHaveBeenBilled == false)
      #expect(server.batchLog.held == 1 && server.batchLog.begun == 0)
      #expect(try await scene.provider.submit(scene.intent, file: file).state == .underWay)
    }
  }

  @Test func `a list that has no end fails, since a batch that it hides would be paid twice`() async throws {
    try await EmbeddingsServer.run { server in
      server.script { $0.listHasNoEnd = true }
      let scene = try BatchScene(.gemini, server)
      let file = try await scene.upload()
      let failure = await batchFailure { try await scene.provider.find(scene.intent, file: file) }
      #expect(failure?.kind == .brokenReply && failure?.reason == "the list of batches has no end")
    }
  }

  @Test func `a file that is gone when a batch is asked for has begun none`() async throws {
    try await EmbeddingsServer.run { server in
      let scene = try BatchScene(.gemini, server)
      let file = try await scene.upload()
      try await scene.provider.delete(file: file)
      let failure = await batchFailure { try await scene.provider.submit(scene.intent, file: file) }
      #expect(failure?.kind == .transient && failure?.mayHaveBeenBilled == false && server.batchLog.begun == 0)
    }
  }

  @Test func `another format's embedder is refused`() throws {
    let options = APIEmbedder.Options(endpoint: .openAI, model: "m", dimensions: 2)
    let embedder = try APIEmbedder(options, client: HTTPClient(.init(proxy: "")))
    let limits = BatchFileLimits(bytes: 1, inputs: 1, lines: 1)
    let failure = #expect(throws: Failure.self) { try GeminiBatches(embedder, BatchOptions(limits: limits)) }
    #expect(failure?.exitCode == .configuration)
  }
}
