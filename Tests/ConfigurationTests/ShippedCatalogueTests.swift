import Testing

@testable import Configuration

struct ShippedCatalogueTests {
  private let catalogue: ModelCatalogue

  init() throws {
    let workspace = try Workspace()
    workspace.executable = "\(repository)/.build/debug/vecfill"
    catalogue = try ModelCatalogue(process: workspace.process)
  }

  @Test func `every shipped price is below the typo line and tells when and where it was found`() throws {
    let shipped = catalogue.models.filter { $0.origin != .builtIn }
    #expect(shipped.count == 34)
    let unpriced = shipped.filter { $0.price == nil }
    #expect(Set(unpriced.map(\.provider)) == ["nvidia", "ollama"])
    for model in shipped where model.price != nil {
      let price = try #require(model.price, "\(model.id)")
      #expect((0.001...CatalogueModel.Price.highest).contains(price.usdPerMillionTokens), "\(model.id)")
      #expect(price.asOf == (model.provider == "dashscope" ? "2026-03" : "2026-11"), "\(model.id)")
      #expect(price.source?.isEmpty == false, "\(model.id)")
      #expect(model.limits.inputTokens != nil, "\(model.id)")
    }
  }

  @Test func `exactly the OpenAI models are counted exactly`() {
    let exact = catalogue.models.filter { $0.tokenizer == .cl100kBase }
    #expect(Set(exact.map(\.provider)) == ["openai", "azure"])
    #expect(exact.count == 6)
  }

  @Test(arguments: [
    ("text-embedding-3-small", 1536, true), ("text-embedding-3-small", 1, true),
    ("text-embedding-3-small", 1537, false), ("text-embedding-3-large", 3072, true),
    ("text-embedding-ada-002", 1536, true), ("text-embedding-ada-002", 1535, false),
  ])
  func `OpenAI's models give the dimensions that OpenAI documents`(id: String, size: Int, isPossible: Bool) throws {
    let model = try #require(catalogue.model(provider: "openai", id: id))
    #expect(try #require(model.dimensions).contains(size) == isPossible)
  }

  @Test(arguments: [
    ("api.openai.com", "openai"), ("EU.api.openai.com", "openai"), ("api.mistral.ai", "mistral"),
    ("ai.mongodb.com", "voyage"),
  ])
  func `a provider is known by its host`(host: String, provider: String) {
    #expect(catalogue.provider(atHost: host) == provider)
  }

  @Test func `the table fits a terminal of 80 columns and tells every model`() {
    let table = CatalogueReport(catalogue).table
    #expect(table.split(separator: "\n").allSatisfy { $0.count <= 80 })
    for model in catalogue.models { #expect(table.contains(model.id)) }
    #expect(table.contains("  text-embedding-3-small *          0.02    0.01    8192  1536|1-1536\n"))
    #expect(table.contains("in the batch API, 2026-03 to 2026-11."))
    #expect(table.contains("\nvoyage VOYAGE_API_KEY\n"))
    #expect(table.contains("\nSunset 2028-05-14: gemini-embedding-001 of gemini.\n"))
    #expect(table.hasSuffix("Providers without a list: tei, infinity, vllm, llama.cpp, lmstudio, litellm."))
  }
}
