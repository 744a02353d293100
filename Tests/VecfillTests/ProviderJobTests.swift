import Backfill
import Foundation
import TestSupport
import Testing

/// Each job of `jobs/providers/` as it stands, run by the real process against a server that speaks its provider's dialect.
@Suite struct ProviderJobTests {
  @Test func `every job file is tried`() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: ProviderJob.folder).filter { $0.hasSuffix(".yaml") }
    #expect(Set(files) == Set((ProviderJob.all.map(\.name) + ["demo"]).map { "\($0).yaml" }))
  }

  @Test(arguments: ProviderJob.all)
  func `a job of a few lines fills its table, by its provider's address, fields and key`(job: ProviderJob) async throws
  {
    try await job.serve(job.options) { server, database, folder in
      let texts = (0..<25).map { "message \($0)" } + [" "]
      try await database.insert(texts)
      let exit = try await job.start(["run"], at: server, database, folder).exit()
      #expect(exit.code == 0, "\(exit.errors)")
      for row in try await database.vectors() {
        let right =
          row.text == " " ? nil : EmbeddingsServer.vector(for: job.prefix + row.text, dimensions: job.dimensions)
        #expect((row.vector == nil) == (right == nil), "\(row.text)")
        #expect(zip(row.vector ?? [], right ?? []).allSatisfy { abs($0 - $1) < 1e-5 }, "\(row.text)")
      }
      let requests = server.record.requests
      #expect(Set(requests.map(\.target)) == [job.path], "\(requests.map(\.target))")
      #expect(requests.flatMap(\.digests).count == 25, "each text once")
      for request in requests {
        let told =
          job.dialect == .tei ? job.fields : job.fields.merging(["model": .string(job.model)]) { own, _ in own }
        #expect(request.fields == told)
        let holders = request.headers.filter { $0.value.contains("sk-test") }.keys
        #expect(Array(holders) == [job.keyHeader].compactMap(\.self))
        let keyHeaders: Set = ["authorization", "api-key", "x-goog-api-key"]
        #expect(keyHeaders.intersection(request.headers.keys) == Set([job.keyHeader].compactMap(\.self)))
      }
    }
  }

  @Test(arguments: ProviderJob.all.filter { $0.keyHeader != nil })
  func `without its key a job ends before anything is sent, and names the variable`(job: ProviderJob) async throws {
    let folder = try TemporaryFolder()
    let database = try await ChatDatabase(.sqlite, in: folder, dimensions: job.dimensions)
    try await database.insert(["message"])
    let exit = try await VecfillProcess(
      ["run", job.file], environment: ["DATABASE_URL": database.url, "HOME": folder.path], workingFolder: folder.path
    ).exit()
    #expect(exit.code == 78)
    #expect(exit.errors.contains("_API_KEY: is not set, and provider \(job.name) needs it"), "\(exit.errors)")
  }

  @Test func `the demo's job needs no server`() async throws {
    let folder = try TemporaryFolder()
    let database = try await ChatDatabase(.sqlite, in: folder, dimensions: 256)
    try await database.insert(["message"])
    let exit = try await VecfillProcess(
      ["run", "\(ProviderJob.folder)/demo.yaml"], environment: ["DATABASE_URL": database.url, "HOME": folder.path],
      workingFolder: folder.path
    ).exit()
    #expect(exit.code == 0, "\(exit.errors)")
    #expect(try await database.vectors().first?.vector?.count == 256)
  }

  // MARK: Check

  /// One job for each way in which requests and replies look, with a limit that the catalogue knows or not.
  static let formats = ["openai", "cohere", "gemini", "ollama", "tei"].compactMap { name in
    ProviderJob.all.first { $0.name == name }
  }

  /// What a server does with long texts.
  enum Treatment: CaseIterable {
    case refuses, cuts
  }

  @Test(arguments: formats, Treatment.allCases)
  func `check finds in each format whether key, model and dimensions are right, and a silent cut`(
    job: ProviderJob, treatment: Treatment
  ) async throws {
    var options = job.options
    // The largest of Cohere's models takes more than is tried.
    let model = job.name == "cohere" ? "embed-multilingual-v3.0" : job.model
    options.model = model
    if job.name == "cohere" { options.dimensions = 1024 }
    if treatment == .cuts {
      options.readsWords = 300
      options.maxInputTokens = .max
    } else {
      options.maxInputTokens = job.name == "cohere" ? 512 : 8_192
    }
    try await job.serve(options) { server, database, folder in
      let own = ["--model", model, "--dimensions", "\(job.name == "cohere" ? 1024 : job.dimensions)"]
      if job.name == "cohere" {
        try await database.run(
          "DROP TABLE chat_messages; CREATE TABLE chat_messages (id INTEGER PRIMARY KEY, content TEXT, embedding BLOB)")
      }
      let exit = try await job.start(["check", "--json"] + own, at: server, database, folder).exit()
      #expect(exit.code == 0, "\(exit.output)")
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      let told = try decoder.decode(Checked.self, from: Data(exit.output.utf8))
      #expect(told.mark("embedding") == "ok" && told.mark("again") == "ok", "\(told.checks)")
      #expect(told.lines("embedding").first?.found.contains(model) == true, "\(told.checks)")
      let line = try #require(told.lines("long texts").first)
      let isKnown = !["ollama", "tei"].contains(job.name)
      switch treatment {
      case .refuses:
        #expect(line.found.hasPrefix("refused") && line.mark == (isKnown ? "ok" : "warning"), "\(line)")
        #expect(told.catalogueEntry == nil)
      case .cuts:
        #expect(line.found.hasPrefix("cut silently") && line.mark == "warning", "\(line)")
        #expect((told.catalogueEntry == nil) == isKnown)
        if isKnown { #expect(line.next?.contains("too_long: truncate or average") == true, "\(line)") }
      }
      #expect(Set(server.record.requests.map(\.target)).count == 1)

      let wrong = try await job.start(["check", "--json", "--dimensions", "3"], at: server, database, folder).exit()
      #expect(wrong.code == 78, "\(wrong.output)")
    }
  }
}

extension ProviderJob {
  /// Where requests have to arrive.
  fileprivate var path: String {
    switch dialect {
    case .azure: "/openai/v1/embeddings"
    case .cohere: "/v2/embed"
    case .gemini: "/v1beta/models/\(model):batchEmbedContents"
    case .ollama: "/api/embed"
    case .tei: "/embed"
    default: "\(basePath)/embeddings"
    }
  }
}
