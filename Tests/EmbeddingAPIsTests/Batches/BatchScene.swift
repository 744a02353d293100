import Backfill
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// Whose batch API a test asks.
typealias BatchDialect = EmbeddingsServer.BatchDialect

extension BatchDialect {
  /// How many texts a line has in these tests: Gemini's has one.
  var textsOfLine: Int { self == .gemini ? 1 : 3 }
}

/// A batch API on a scripted server, a file of requests for it, and what comes of it.
struct BatchScene {
  let server: EmbeddingsServer
  let provider: any BatchProvider
  let folder: TemporaryFolder
  let intent: BatchIntent
  let dialect: BatchDialect
  let lines: [[String]]

  init(_ dialect: BatchDialect, _ server: EmbeddingsServer, lines count: Int = 4, madeAt: Date = Date()) throws {
    self.server = server
    self.dialect = dialect
    lines = (0..<count).map { line in (0..<dialect.textsOfLine).map { "text \($0) of line \(line)" } }
    provider = try server.batches(dialect)
    folder = try TemporaryFolder()
    intent = BatchIntent(
      fileName: "vecfill-articles-3f9a0c.jsonl", nonce: "0123456789abcdef0123456789abcdef", job: "articles",
      madeAt: madeAt)
  }

  var inputs: Int { lines.count * dialect.textsOfLine }

  var path: String { folder.file("in.jsonl") }

  func upload() async throws -> String {
    let bytes = lines.enumerated().flatMap { provider.line("line-\($0)", $1) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return try await provider.upload(path, as: intent.fileName)
  }

  /// Looks until the batch has ended.
  func ended(_ batch: ProviderBatch) async throws -> ProviderBatch {
    var batch = batch
    for _ in 0..<20 where batch.state == .underWay { batch = try #require(try await provider.batch(batch.id)) }
    return batch
  }

  /// Uploads, submits, and looks until the batch has ended.
  func run() async throws -> ProviderBatch {
    try await ended(try await provider.submit(intent, file: try await upload()))
  }

  /// The answers of a file; nil where it is gone.
  func answers(in file: String?) async throws -> [BatchAnswer]? {
    let answers = EmbeddingsServer.Watched<[BatchAnswer]>([])
    let (count, texts) = (lines.count, dialect.textsOfLine)
    let isThere = try await provider.answers(in: try #require(file)) { id in
      id.hasPrefix("line-") && Int(id.dropFirst(5)).map { (0..<count).contains($0) } == true ? texts : nil
    } _: { answer in
      answers.update { $0.append(answer) }
    }
    return isThere ? answers.value : nil
  }

  /// The failures of a batch that has ended: Gemini's file of answers has them, too.
  func failures(of batch: ProviderBatch) async throws -> [String: EmbeddingFailure] {
    try await answers(in: dialect == .gemini ? batch.outputFile : batch.errorFile).failures
  }

  /// Expects of each reply that its vectors are those of its line's texts, in order; returns the lines that have some.
  @discardableResult
  func expectRight(_ answers: [BatchAnswer]?) throws -> Set<Int> {
    var answered: Set<Int> = []
    for case .reply(let id, let reply) in answers ?? [] {
      let line = try #require(Int(id.dropFirst(5)))
      #expect(answered.insert(line).inserted, "\(id) has one answer")
      #expect(reply.vectors.count == dialect.textsOfLine)
      for (index, text) in lines[line].enumerated() {
        #expect(reply.vectors[index].elementsEqual(EmbeddingsServer.vector(for: text, dimensions: 8)))
      }
      #expect(reply.billedTokens == lines[line].reduce(0) { $0 + EmbeddingsServer.tokens(of: $1) })
    }
    return answered
  }
}

extension EmbeddingsServer {
  /// The batch API of this server.
  func batches(
    _ dialect: BatchDialect, _ adjust: (inout APIEmbedder.Options) -> Void = { _ in }
  ) throws -> any BatchProvider {
    let options = BatchOptions(limits: BatchFileLimits(bytes: 200_000_000, inputs: 50_000, lines: 50_000))
    return switch dialect {
    case .openAI: try OpenAIBatches(embedder(nil, adjust), options)
    case .mistral: try MistralBatches(embedder(nil, adjust), options)
    case .gemini: try GeminiBatches(embedder(in: .gemini, adjust), options)
    }
  }
}

extension [BatchAnswer]? {
  var failures: [String: EmbeddingFailure] {
    let failures = (self ?? []).compactMap { answer -> (String, EmbeddingFailure)? in
      if case .failure(let id, let failure) = answer { (id, failure) } else { nil }
    }
    return Dictionary(failures) { first, _ in first }
  }

  /// The numbers of the lines that nobody asked for.
  var unknown: [Int] { (self ?? []).compactMap { if case .unknown(let line) = $0 { line } else { nil } } }
}

/// What `body` fails with; nil, which every expectation on it then shows, where it does not fail.
func batchFailure<Result>(_ body: () async throws -> Result) async -> EmbeddingFailure? {
  do {
    _ = try await body()
    return nil
  } catch {
    return error as? EmbeddingFailure
  }
}
