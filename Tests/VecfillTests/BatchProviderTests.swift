import Backfill
import Configuration
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

@testable import vecfill

/// Which providers of the shipped catalogue have a batch API.
struct BatchProviderTests {
  private func makeBatchProvider(_ provider: String, _ model: String, url: String? = nil) throws -> any BatchProvider {
    let config = RepositoryFiles.path("config")
    var flags: [Parameter: String] = [.provider: provider, .model: model]
    if let url { flags[.baseURL] = url }
    let process = ProcessContext(
      environment: ["VECFILL_CONFIG_DIR": config, "VECFILL_API_KEY": "key-1"], workingDirectory: config, executable: nil
    )
    let configuration = try JobConfiguration(flags: flags, process: process)
    return try configuration.provider().makeBatchProvider(
      for: Backfill.Model(name: model, provider: provider, dimensions: 8)
    ).provider
  }

  @Test func `OpenAI's, Mistral's and Gemini's are made, with the limits of their files`() throws {
    let openAI = try makeBatchProvider("openai", "text-embedding-3-small")
    #expect(openAI is OpenAIBatches)
    #expect(openAI.limits == BatchFileLimits(bytes: 200_000_000, inputs: 50_000, lines: 50_000))
    let elsewhere = try makeBatchProvider("openai", "text-embedding-3-small", url: "http://127.0.0.1:9/v1")
    #expect(elsewhere is OpenAIBatches)
    let mistral = try makeBatchProvider("mistral", "mistral-embed")
    #expect(mistral is MistralBatches)
    #expect(mistral.limits == BatchFileLimits(bytes: 512_000_000, inputs: 1_000_000, lines: 1_000_000))
    let gemini = try makeBatchProvider("gemini", "gemini-embedding-001")
    #expect(gemini is GeminiBatches)
    #expect(gemini.limits == BatchFileLimits(bytes: 2_000_000_000, inputs: 50_000, lines: 50_000, inputsOfLine: 1))
  }

  @Test(arguments: [("voyage", "voyage-4-lite"), ("cohere", "embed-v4.0"), ("demo", "hashed-ngrams")])
  func `another provider is refused, and those that have one are named`(_ provider: String, _ model: String) throws {
    let failure = #expect(throws: Failure.self) { try makeBatchProvider(provider, model) }
    #expect(failure?.exitCode == .configuration)
    #expect(
      failure?.description
        == "provider \(provider): has no batch API that vecfill speaks; run the job without batch mode; "
        + "these have one: openai, gemini, mistral")
  }
}
