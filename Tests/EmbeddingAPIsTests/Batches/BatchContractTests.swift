import Backfill
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// What every batch API does, whoever's it is.
@Suite(.timeLimit(.minutes(1)))
struct BatchContractTests {
  typealias Script = EmbeddingsServer.BatchScript

  @Test(arguments: BatchDialect.allCases)
  func `a file goes up, becomes a batch, and its answers are the vectors of its lines`(
    dialect: BatchDialect
  ) async throws {
    var options = EmbeddingsServer.Options()
    options.batches.progress = ["validating", "in_progress", "finalizing"]
    try await EmbeddingsServer.run(options) { server in
      let scene = try BatchScene(dialect, server)
      let file = try await scene.upload()
      let begun = try await scene.provider.submit(scene.intent, file: file)
      #expect(begun.state == .underWay && begun.createdAt != nil)
      #expect(try await scene.provider.find(scene.intent, file: file).map(\.id) == [begun.id])
      var told: [String] = []
      var batch = begun
      while batch.state == .underWay {
        batch = try #require(try await scene.provider.batch(begun.id))
        told.append(batch.told)
      }
      let names =
        switch dialect {
        case .openAI: ["validating", "in_progress", "finalizing", "completed"]
        case .mistral: ["QUEUED", "RUNNING", "RUNNING", "SUCCESS"]
        case .gemini: ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED"].map { "BATCH_STATE_\($0)" }
        }
      #expect(told == names)
      #expect(batch.state == .completed && batch.errorFile == nil && batch.error == nil)
      #expect([batch.total, batch.completed, batch.failedRequests] == [4, 4, 0])
      let answers = try await scene.answers(in: batch.outputFile)
      #expect(try scene.expectRight(answers) == [0, 1, 2, 3])
      #expect(server.record.billed.count == scene.inputs && server.record.billedTwice == 0)
      try await scene.provider.delete(file: file)
      try await scene.provider.delete(file: file)
      #expect(server.batchLog.deleted == [file, file], "the second time it was gone")
    }
  }

  @Test(arguments: BatchDialect.allCases, Script.Flaw.allCases)
  func `whatever is wrong with a file of answers, no line has another's vectors, and no answer is lost that has an id`(
    _ dialect: BatchDialect, _ flaw: Script.Flaw
  ) async throws {
    try await EmbeddingsServer.run { server in
      server.script { $0.flaws = [flaw] }
      let scene = try BatchScene(dialect, server)
      let answers = try await scene.answers(in: try await scene.run().outputFile)
      #expect(server.batchLog.flawed == 1)
      let answered = try scene.expectRight(answers)
      switch flaw {
      case .reversed, .noBreakAtEnd, .mark:
        #expect(answered == [0, 1, 2, 3] && answers.unknown.isEmpty)
      case .duplicate:
        #expect(answered == [0, 1, 2, 3] && answers.unknown == [5])
      case .nullID, .missingID:
        #expect(answered == [1, 2, 3] && answers.unknown == [1])
      case .unknownID, .garbage:
        #expect(answered == [0, 1, 2, 3] && answers.unknown == [3])
      }
    }
  }

  @Test(arguments: BatchDialect.allCases)
  func `a line that is refused has its own failure, and the others their vectors`(dialect: BatchDialect) async throws {
    let last = dialect.textsOfLine - 1
    let rules: [EmbeddingsServer.Rule] = [
      .poison(where: { $0 == "text \(last) of line 2" }), .vectors(of: "text \(last) of line 3", .notANumber),
    ]
    try await EmbeddingsServer.run(rules: rules) { server in
      let scene = try BatchScene(dialect, server, lines: 5)
      let batch = try await scene.run()
      #expect(batch.state == .completed && [batch.completed, batch.failedRequests] == [4, 1])
      let failures = try await scene.failures(of: batch)
      #expect(failures["line-2"]?.kind == .badInput && failures["line-2"]?.status == 400)
      #expect(failures["line-2"]?.mayHaveBeenBilled == false)
      let answers = try await scene.answers(in: batch.outputFile)
      guard dialect != .gemini else {
        // A line's one text has no vector that can be used.
        #expect(failures["line-3"]?.kind == .brokenReply && failures["line-3"]?.mayHaveBeenBilled == true)
        #expect(failures.count == 2)
        #expect(try scene.expectRight(answers) == [0, 1, 4])
        return
      }
      #expect(failures.keys.sorted() == ["line-2"])
      let flawed = answers?.compactMap { if case .reply("line-3", let reply) = $0 { reply } else { nil } }
      #expect(flawed?.map(\.unusable.keys.first) == [2])
      #expect(answers?.count == 4 && server.record.billedTwice == 0)
    }
  }

  @Test(arguments: BatchDialect.allCases)
  func `a batch that failed in every line has no output, and a failure for each`(dialect: BatchDialect) async throws {
    try await EmbeddingsServer.run { server in
      server.script { $0.endings = [.allFailed] }
      let scene = try BatchScene(dialect, server)
      let batch = try await scene.run()
      #expect(batch.state == .completed && (batch.outputFile == nil) == (dialect != .gemini))
      let failures = try await scene.failures(of: batch)
      #expect(failures.count == 4 && failures.values.allSatisfy { $0.kind == .transient && !$0.mayHaveBeenBilled })
      #expect(server.record.billed.isEmpty)
    }
  }

  @Test(arguments: BatchDialect.allCases, [true, false])
  func `what was done before a batch ended early is there, and the rest was not billed`(
    _ dialect: BatchDialect, _ isCancelled: Bool
  ) async throws {
    try await EmbeddingsServer.run { server in
      server.script { $0.endings = [isCancelled ? .completed : .expired(done: 1)] }
      server.script { $0.doneAtCancel = 1 }
      let scene = try BatchScene(dialect, server)
      let begun = try await scene.provider.submit(scene.intent, file: try await scene.upload())
      if isCancelled { try await scene.provider.cancel(begun.id) }
      let batch = try await scene.ended(begun)
      #expect(batch.state == (isCancelled ? .cancelled : .expired))
      #expect(try scene.expectRight(try await scene.answers(in: batch.outputFile)) == [0])
      let failures = try await scene.failures(of: batch)
      // Gemini says nothing of what was not done in time.
      let isTold = dialect != .gemini || isCancelled
      #expect(failures.keys.sorted() == (isTold ? ["line-1", "line-2", "line-3"] : []))
      #expect(failures.values.allSatisfy { $0.kind == .cancelled && !$0.mayHaveBeenBilled })
      #expect(server.record.billed.count == dialect.textsOfLine)
      try await scene.provider.cancel(batch.id)
      #expect(server.batchLog.cancelled == (isCancelled ? 1 : 0), "what has ended is left as it is")
    }
  }

  @Test(arguments: BatchDialect.allCases)
  func `more than may be enqueued fails the batch later, unbilled, and says so`(dialect: BatchDialect) async throws {
    try await EmbeddingsServer.run { server in
      server.script { $0.mostEnqueuedInputs = 4 * dialect.textsOfLine - 1 }
      let batch = try await BatchScene(dialect, server).run()
      #expect(server.batchLog.overEnqueued == 1)
      #expect(batch.state == .failed && batch.outputFile == nil && batch.errorFile == nil)
      #expect(batch.error?.isOverEnqueued == true)
      let limit = dialect == .gemini ? "" : ": at most 3,000,000 tokens"
      #expect(
        batch.error?.reason == "more is enqueued than the account may have\(limit)", "\(batch.error?.reason ?? "none")")
      #expect(server.record.billed.isEmpty)
    }
  }

  @Test(arguments: BatchDialect.allCases, ["duplicate_custom_id", "text 0 of line 0", "mismatched_model"])
  func `a batch that was refused as a whole tells why, and nothing of its texts`(
    _ dialect: BatchDialect, _ code: String
  ) async throws {
    try await EmbeddingsServer.run { server in
      server.script { $0.endings = [.failed(code: code)] }
      let batch = try await BatchScene(dialect, server).run()
      let error = try #require(batch.error)
      #expect(batch.state == .failed && !error.isOverEnqueued && server.record.billed.isEmpty)
      #expect(error.reason.hasPrefix("the provider refused the whole file"))
      #expect(!"\(batch)".contains("text 0"))
      if dialect == .gemini { #expect(error.code == "invalid_argument") }
      if dialect == .openAI, code.contains("_") { #expect(error.code == code && error.reason.contains(code)) }
    }
  }
}
