import Backfill
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// What comes in place of a file of answers, and what is told of a batch API's odd replies.
@Suite(.timeLimit(.minutes(1)))
struct OddFileTests {
  private static func json(_ body: String) -> EmbeddingsServer.Response { .init(200, body: body) }

  private static let bytes: EmbeddingsServer.Response = {
    var response = EmbeddingsServer.Response(200)
    response.body = Data((0..<3_000).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ 31) })
    return response
  }()

  @Test(
    arguments: BatchDialect.allCases,
    [
      (.page(200, "Sign in"), .brokenReply), (json(#"{"error":{"code":429,"message":"rate"}}"#), .rateLimited),
      (json("{\n  \"error\": {\n    \"code\": 401\n  }\n}\n"), .denied),
      (json(#"{"error":{"code":503,"message":"busy"}}"# + "\n"), .transient),
      (json(#"{"error":{"message":"odd"}}"#), .brokenReply),
      (json(#"[{"custom_id":"line-0","key":"line-0"}]"#), .brokenReply),
      (json(#"{"custom_id":null,"key":null,"response":{"status_code":200,"body":{}},"error":null}"#), .brokenReply),
      (json("{\"custom_id\":null}\n{\"key\":null}\n"), .brokenReply), (bytes, .brokenReply),
    ] as [(EmbeddingsServer.Response, EmbeddingFailure.Kind)])
  func `what is no file of answers is a failed fetch by what it says, and costs nothing`(
    _ dialect: BatchDialect, _ odd: (response: EmbeddingsServer.Response, kind: EmbeddingFailure.Kind)
  ) async throws {
    try await EmbeddingsServer.run { server in
      let scene = try BatchScene(dialect, server)
      let batch = try await scene.run()
      server.script { $0.contents = [odd.response] }
      let failure = await batchFailure { try await scene.answers(in: batch.outputFile) }
      #expect(failure?.kind == odd.kind, "\(failure.map { "\($0)" } ?? "none")")
      #expect(failure?.mayHaveBeenBilled == false)
      #expect(try scene.expectRight(try await scene.answers(in: batch.outputFile)).count == 4)
    }
  }

  @Test(arguments: BatchDialect.allCases)
  func `a file with nothing in it has no answers, and is no failure`(dialect: BatchDialect) async throws {
    try await EmbeddingsServer.run { server in
      let scene = try BatchScene(dialect, server)
      let batch = try await scene.run()
      server.script { $0.contents = [.init(200), .init(200, body: "\n\n")] }
      for _ in 0..<2 { #expect(try await scene.answers(in: batch.outputFile)?.isEmpty == true) }
    }
  }

  @Test func `a 404 of a batch API whose base URL ends in a version does not ask for one`() async throws {
    try await EmbeddingsServer.run { server in
      let scene = try BatchScene(.openAI, server)
      let batch = try await scene.run()
      server.script { $0.contents = [.page(404, "Not Found")] }
      let failure = await batchFailure { try await scene.answers(in: batch.outputFile) }
      #expect(failure?.reason.contains("check the base URL") == true, "\(failure?.reason ?? "")")
      #expect(failure?.reason.contains("need /v1") == false)
    }
  }

  @Test(arguments: ["in_progress", "xx_in_progress_xx"])
  func `a state that tells the key is not told`(key: String) async throws {
    var options = EmbeddingsServer.Options()
    options.apiKey = key
    try await EmbeddingsServer.run(options) { server in
      let scene = try BatchScene(.openAI, server)
      let begun = try await scene.provider.submit(scene.intent, file: try await scene.upload())
      #expect(try await scene.provider.batch(begun.id)?.told == "unknown")
    }
  }

  @Test func `a batch whose id holds the key is not taken, and may have begun`() async throws {
    var options = EmbeddingsServer.Options()
    options.apiKey = "batch_0000000000"
    try await EmbeddingsServer.run(options) { server in
      let scene = try BatchScene(.openAI, server)
      let file = try await scene.upload()
      let failure = await batchFailure { try await scene.provider.submit(scene.intent, file: file) }
      #expect(failure?.kind == .brokenReply && failure?.mayHaveBeenBilled == true)
      #expect(failure.map { "\($0)".contains("batch_0000000000") } == false)
    }
  }
}
