import Backfill
import Configuration
import Foundation
import Tokenizer

/// Embeds the texts of a sample with a job's model, outside of any run: what it costs is shown before, and is in no ledger.
struct SampleEmbedding {
  private let job: Job
  private let configuration: JobConfiguration
  /// Packs texts that are prepared already.
  private let packer: Packer

  init(_ job: Job, _ configuration: JobConfiguration) throws {
    self.job = job
    self.configuration = configuration
    let packer = Packer(job, model: job.model, counter: try TokenCounter(for: configuration.catalogueModel))
    self.packer = Packer(
      preparation: TextPreparation(), maxInputs: packer.maxInputs, maxTokens: packer.maxTokens,
      inputLimit: packer.inputLimit, countsExactly: packer.countsExactly, countTokens: packer.countTokens)
  }

  /// What comes of `comparison`, and what it costs, in words; no results where the consent isn't given.
  ///
  /// - Parameter about: the column that is compared.
  func results(
    of comparison: SampleComparison, about: String, _ consent: SampleConsent
  ) async throws -> (price: String, results: [SampleComparison.Result]?) {
    let (requests, price) = plan(comparison.inputs)
    guard consent.isGiven(for: "\(about), \(price)") else { return (price, nil) }
    let embedder = try configuration.provider().embedder(for: job.model) { Console.standard.warn($0) }
    return (price, comparison.results(try await vectors(requests, from: embedder)))
  }

  /// The requests for `inputs`, and what they cost, in words.
  private func plan(_ inputs: [String]) -> (requests: [Batch.Contents], price: String) {
    let messages = inputs.enumerated().map { Message(key: .integer(Int64($0.offset)), text: $0.element) }
    let requests = packer.pack(MessagePage(messages, continuesAfter: nil)).contents
    let tokens = requests.reduce(0) { $0 + $1.tokenCount }
    let price = job.model.cost(ofTokens: tokens).map(\.dollars) ?? "at an unknown price"
    let mark = packer.countsExactly ? "" : "about "
    return (requests, "\(inputs.count.grouped) texts, \(mark)\(tokens.grouped) tokens: \(price)")
  }

  /// The vectors, each by the digest of its input.
  private func vectors(_ requests: [Batch.Contents], from embedder: any Embedder) async throws -> [TextDigest: [Float]]
  {
    var vectors: [TextDigest: [Float]] = [:]
    for request in requests {
      let reply = try await reply(to: request.texts, from: embedder, isFirst: vectors.isEmpty)
      for (index, text) in request.texts.enumerated() where reply.unusable[index] == nil {
        vectors[TextDigest(of: text)] = Array(reply.vectors[index])
      }
    }
    return vectors
  }

  private func reply(
    to texts: [String], from embedder: any Embedder, isFirst: Bool
  ) async throws -> EmbeddingReply {
    do {
      return try await embedder.embedWithTries(texts, as: .document, longestWait: .seconds(60))
    } catch {
      guard error.kind != .cancelled else { throw CancellationError() }
      var failure = error
      // It may quote the texts.
      failure.serverMessage = nil
      let provider = job.model.provider
      throw isFirst ? failure.failureWithoutAnswer(of: provider) : failure.failure(of: provider)
    }
  }
}
