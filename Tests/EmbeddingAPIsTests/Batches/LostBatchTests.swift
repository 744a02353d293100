import Backfill
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// What is lost on the way, and how it is found again: a batch that nobody knows of is paid all the same.
@Suite(.timeLimit(.minutes(1)))
struct LostBatchTests {
  @Test(arguments: BatchDialect.allCases, [true, false])
  func `a lost reply to a batch says that it may have begun, and the list shows it, at once or later`(
    _ dialect: BatchDialect, _ isReset: Bool
  ) async throws {
    try await EmbeddingsServer.run { server in
      server.script {
        if isReset { $0.lostSubmits = 1 } else { $0.failingSubmits = 1 }
        $0.listsBeforeShown = 2
      }
      let scene = try BatchScene(dialect, server)
      let file = try await scene.upload()
      let failure = await batchFailure { try await scene.provider.submit(scene.intent, file: file) }
      #expect(failure?.kind == .transient && failure?.mayHaveBeenBilled == true)
      #expect(server.batchLog.lostReplies == 1 && server.batchLog.begun == 1)
      for _ in 0..<2 { #expect(try await scene.provider.find(scene.intent, file: file).isEmpty) }
      #expect(server.batchLog.listsWithout == 2)
      // By the nonce alone, as where the file's id was lost with a crash.
      let found = try await scene.provider.find(scene.intent, file: "file-of-another-upload")
      #expect(found.count == 1)
      let batch = try await scene.ended(try #require(found.first))
      #expect(try scene.expectRight(try await scene.answers(in: batch.outputFile)).count == 4)
      #expect(server.record.billed.count == scene.inputs && server.record.billedTwice == 0)
    }
  }

  @Test(arguments: BatchDialect.allCases)
  func `two batches of one intent are both found, and show as paid twice`(dialect: BatchDialect) async throws {
    try await EmbeddingsServer.run { server in
      let scene = try BatchScene(dialect, server)
      let file = try await scene.upload()
      let ids = [
        try await scene.provider.submit(scene.intent, file: file).id,
        try await scene.provider.submit(scene.intent, file: try await scene.upload()).id,
      ]
      #expect(Set(try await scene.provider.find(scene.intent, file: file).map(\.id)) == Set(ids))
      #expect(server.record.billedTwice == scene.inputs)
    }
  }

  @Test(arguments: BatchDialect.allCases)
  func `a batch is found behind pages of newer ones, and the search ends at those that are older`(
    dialect: BatchDialect
  ) async throws {
    try await EmbeddingsServer.run { server in
      server.addForeignBatches(350, secondsAgo: 86_400, dialect)
      let scene = try BatchScene(dialect, server)
      let file = try await scene.upload()
      let begun = try await scene.provider.submit(scene.intent, file: file)
      server.addForeignBatches(250, dialect)
      let before = server.batchLog.calls.count
      #expect(try await scene.provider.find(scene.intent, file: file).map(\.id) == [begun.id])
      // 251 batches since the intent, by hundreds; OpenAI's list has to be read up to a page of older ones alone, and
      // Gemini's, of 601, to its end.
      let pages = [BatchDialect.openAI: 4, .mistral: 3, .gemini: 7]
      #expect(server.batchLog.calls.count - before == pages[dialect])
    }
  }

  @Test(arguments: BatchDialect.allCases)
  func `what the provider forgot is told as that, and a list without it as empty`(dialect: BatchDialect) async throws {
    try await EmbeddingsServer.run { server in
      let scene = try BatchScene(dialect, server)
      let file = try await scene.upload()
      let batch = try await scene.ended(try await scene.provider.submit(scene.intent, file: file))
      server.script {
        $0.listForgets = true
        $0.losesAnswers = true
      }
      #expect(try await scene.provider.find(scene.intent, file: file).isEmpty)
      #expect(try await scene.answers(in: batch.outputFile) == nil)
      #expect(try await scene.provider.batch(batch.id)?.state == .completed)
      server.script { $0.forgets = true }
      #expect(try await scene.provider.batch(batch.id) == nil)
      #expect(server.batchLog.listsWithout == 1 && server.batchLog.gone == 2)
    }
  }

  @Test(arguments: BatchDialect.allCases)
  func `a lost reply to an upload costs nothing, and neither does a second upload`(dialect: BatchDialect) async throws {
    try await EmbeddingsServer.run { server in
      server.script { $0.lostUploads = 1 }
      let scene = try BatchScene(dialect, server)
      let failure = await batchFailure { try await scene.upload() }
      #expect(failure?.kind == .transient && failure?.mayHaveBeenBilled == false)
      _ = try await scene.upload()
      #expect(server.batchLog.lostReplies == 1 && server.batchLog.uploads == 2)
      #expect(server.record.billed.isEmpty)
    }
  }

  @Test(arguments: BatchDialect.allCases)
  func `a file that is not ready right after its upload passes`(dialect: BatchDialect) async throws {
    try await EmbeddingsServer.run { server in
      server.script { $0.notReady = 1 }
      let scene = try BatchScene(dialect, server)
      let file = try await scene.upload()
      let failure = await batchFailure { try await scene.provider.submit(scene.intent, file: file) }
      #expect(failure?.kind == .transient && failure?.mayHaveBeenBilled == false)
      #expect(failure?.status == 400 && server.batchLog.notReady == 1 && server.batchLog.begun == 0)
      #expect(try await scene.provider.submit(scene.intent, file: file).state == .underWay)
    }
  }

  @Test(arguments: BatchDialect.allCases, [0, 1, 700, 1_500])
  func `a file of answers that breaks off has given its whole lines, and is fetched again`(
    _ dialect: BatchDialect, _ bytes: Int
  ) async throws {
    try await EmbeddingsServer.run { server in
      let scene = try BatchScene(dialect, server)
      let batch = try await scene.run()
      // A line of one text is as much shorter.
      server.script { $0.cuts = [bytes * dialect.textsOfLine / 3] }
      let given = EmbeddingsServer.Watched(0)
      let failure = await batchFailure {
        try await scene.provider.answers(
          in: try #require(batch.outputFile), count: { _ in dialect.textsOfLine }
        ) { answer in
          if case .reply = answer { given.update { $0 += 1 } }
        }
      }
      #expect(failure?.kind == .transient && failure?.mayHaveBeenBilled == false)
      #expect(server.batchLog.cuts == 1)
      #expect(given.value < 4 && (given.value > 0) == (bytes >= 700))
      #expect(try scene.expectRight(try await scene.answers(in: batch.outputFile)).count == 4)
    }
  }

  @Test(arguments: BatchDialect.allCases)
  func `a wrong key is told, without the key`(dialect: BatchDialect) async throws {
    try await EmbeddingsServer.run { server in
      let provider = try server.batches(dialect) { $0.apiKey = APIKey("sk-wrong-key-of-mine") }
      let intent = BatchIntent(fileName: "a.jsonl", nonce: "0", job: "j", madeAt: Date())
      for failure in [
        await batchFailure { try await provider.submit(intent, file: "file-1") },
        await batchFailure { try await provider.find(intent, file: "file-1") },
        await batchFailure { try await provider.batch("batch-1") },
        await batchFailure { try await provider.cancel("batch-1") },
        await batchFailure { try await provider.answers(in: "file-1", count: { _ in 1 }) { _ in } },
        await batchFailure { try await provider.delete(file: "file-1") },
      ] {
        #expect(failure?.kind == .denied && failure?.mayHaveBeenBilled == false)
        #expect(failure.map { "\($0)".contains("of-mine") } == false)
      }
    }
  }
}
