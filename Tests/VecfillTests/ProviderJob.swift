import Backfill
import Foundation
import TestSupport
import Testing

/// A job of `jobs/providers/`, and what the server must see of it.
struct ProviderJob: Sendable, CustomTestStringConvertible {
  let name: String
  let dialect: EmbeddingsServer.Dialect
  let model: String
  let dimensions: Int
  /// Where its base URL is at the server of the tests.
  var basePath: String
  /// What each request says beside model and texts.
  var fields: [String: JSONValue] = [:]
  /// The header of its key; nil where it needs none.
  var keyHeader: String? = "authorization"
  var prefix = ""

  var testDescription: String { name }

  init(
    _ name: String, _ dialect: EmbeddingsServer.Dialect, _ model: String, _ dimensions: Int,
    fields: [String: JSONValue] = [:], keyHeader: String? = "authorization", prefix: String = ""
  ) {
    (self.name, self.dialect, self.model, self.dimensions) = (name, dialect, model, dimensions)
    basePath = dialect.basePath
    (self.fields, self.keyHeader, self.prefix) = (fields, keyHeader, prefix)
  }

  static let base64: [String: JSONValue] = ["encoding_format": .string("base64")]
  static let float: [String: JSONValue] = ["encoding_format": .string("float")]
  static let uncut: [String: JSONValue] = ["truncate": .boolean(false)]

  static let all = [
    ProviderJob("azure", .azure, "text-embedding-3-small", 1536, fields: base64, keyHeader: "api-key"),
    ProviderJob(
      "cohere", .cohere, "embed-v4.0", 1536,
      fields: [
        "input_type": .string("search_document"), "truncate": .string("NONE"),
        "embedding_types": .array([.string("float")]),
      ]),
    ProviderJob("dashscope", .dashScope, "text-embedding-v4", 1024, fields: float),
    ProviderJob(
      "fireworks", .openAI, "nomic-ai/nomic-embed-text-v1.5", 768, fields: base64, prefix: "search_document: "),
    ProviderJob(
      "gemini", .gemini, "gemini-embedding-2", 768,
      fields: ["model": .string("models/gemini-embedding-2"), "outputDimensionality": .integer(768)],
      keyHeader: "x-goog-api-key", prefix: "title: none | text: "),
    ProviderJob("infinity", .openAI, "all-MiniLM-L6-v2", 384, fields: base64, keyHeader: nil),
    ProviderJob(
      "jina", .jina, "jina-embeddings-v3", 1024,
      fields: [
        "task": .string("retrieval.passage"), "truncate": .boolean(false), "embedding_type": .string("base64"),
      ]),
    ProviderJob("litellm", .liteLLM, "text-embedding-3-small", 1536, fields: base64, keyHeader: nil),
    ProviderJob("llama.cpp", .openAI, "bge-m3", 1024, fields: base64, keyHeader: nil),
    ProviderJob(
      "lmstudio", .lmStudio, "text-embedding-nomic-embed-text-v1.5", 768, fields: float, keyHeader: nil,
      prefix: "search_document: "),
    ProviderJob("mistral", .openAI, "mistral-embed", 1024, fields: base64),
    ProviderJob("novita", .openAI, "baai/bge-m3", 1024, fields: base64),
    ProviderJob(
      "nvidia", .nim, "nvidia/nemotron-3-embed-1b", 2048,
      fields: base64.merging(["input_type": .string("passage"), "truncate": .string("NONE")]) { $1 }),
    ProviderJob("ollama", .ollama, "nomic-embed-text", 768, fields: uncut, keyHeader: nil, prefix: "search_document: "),
    ProviderJob(
      "openai", .openAI, "text-embedding-3-small", 512, fields: base64.merging(["dimensions": .integer(512)]) { $1 }),
    ProviderJob("tei", .tei, "BAAI/bge-m3", 1024, fields: uncut, keyHeader: nil),
    ProviderJob("vllm", .openAI, "BAAI/bge-m3", 1024, fields: base64, keyHeader: nil),
    ProviderJob(
      "voyage", .voyage, "voyage-4-lite", 1024,
      fields: base64.merging(["input_type": .string("document"), "truncation": .boolean(false)]) { $1 }),
  ]

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("jobs/providers").path

  var file: String { "\(Self.folder)/\(name).yaml" }

  /// A server that knows this model alone, and asks for the key if the provider does.
  var options: EmbeddingsServer.Options {
    var options = EmbeddingsServer.Options()
    options.model = model
    options.deployment = model
    options.dimensions = dimensions
    options.apiKey = keyHeader.map { _ in "sk-test" }
    return options
  }

  /// Runs `vecfill COMMAND FILE` as a user would, but for the address.
  func start(_ command: [String], at server: EmbeddingsServer, _ database: ChatDatabase, _ folder: TemporaryFolder)
    throws -> VecfillProcess
  {
    var environment = [
      "DATABASE_URL": database.url, "VECFILL_LEDGER": folder.file("ledger/vecfill.db"),
      "XDG_STATE_HOME": folder.file("state"), "HOME": folder.path,
    ]
    // The provider's own variable is for its own hosts alone.
    if keyHeader != nil { environment["VECFILL_API_KEY"] = "sk-test" }
    var arguments = [command[0], file] + command.dropFirst()
    if dialect == .azure {
      environment["AZURE_OPENAI_ENDPOINT"] = server.root
    } else {
      arguments += ["--base-url", server.root + basePath]
    }
    return try VecfillProcess(arguments, environment: environment, workingFolder: folder.path)
  }

  /// Serves while `body` runs with a table of the model's dimensions.
  func serve(
    _ options: EmbeddingsServer.Options, _ body: (EmbeddingsServer, ChatDatabase, TemporaryFolder) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    let database = try await ChatDatabase(.sqlite, in: folder, dimensions: dimensions)
    try await EmbeddingsServer.run(options) { try await body($0, database, folder) }
  }
}
