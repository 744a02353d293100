import Backfill
import Foundation
import TestSupport
import Testing

/// What the commands do with a job's provider, with the real process.
@Suite struct ProviderCommandTests {
  @Test(arguments: ChatDatabase.Engine.allCases)
  func `stored texts and the words of a search have each their own prefix, and the column keeps to it`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert(["one", "two"])
      let prefixed = scene.spec + "\nprefix: \"d: \"\nquery_prefix: \"q: \"\n"
      try scene.write(spec: prefixed)
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      let sent = Set(scene.server.record.requests.flatMap(\.digests))
      #expect(sent.isSuperset(of: ["d: one", "d: two"].map(TextDigest.init(of:))))
      #expect(sent.isDisjoint(with: ["one", "two"].map(TextDigest.init(of:))))

      let search = try await scene.start(["search", "three", "job.yaml"]).exit()
      #expect(search.code == 0, "\(search.errors)")
      #expect(scene.server.record.requests.last?.digests == [TextDigest(of: "q: three")])

      let before = scene.server.record.requests.count
      try await scene.database.insert(["four"])
      for (spec, code) in [(scene.spec, 78), (prefixed.replacing("q: ", with: "other: "), 0)] {
        try scene.write(spec: spec)
        let next = try await scene.fill()
        #expect(next.code == Int32(code), "\(next.errors)")
        if code == 78 {
          #expect(next.errors.contains("prefix=\"d: \"]"))
          #expect(scene.server.record.requests.count == before)
        }
      }
    }
  }

  @Test func `a run with the demo says what it is, by both of its names, and estimates too`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(["one"])
      for (index, name) in ["local", "demo"].enumerated() {
        try scene.write(
          spec: "sources: [{table: chat_messages}]\nprovider: \(name)\ndimensions: 8\npreparation: {newlines: space}\n")
        if index > 0 { try await scene.database.insert(["two"]) }
        for arguments in [["estimate", "job.yaml"], ["run", "job.yaml"]] {
          let exit = try await scene.start(arguments).exit()
          #expect(exit.code == 0, "\(exit.errors)")
          #expect(exit.errors.contains("provider demo is a lexical hash for demos and tests"))
          #expect(exit.errors.contains("provider local is called demo now") == (name == "local"))
        }
      }
      #expect(try await scene.database.vectors().allSatisfy { $0.vector != nil })
      #expect(scene.server.record.requests.isEmpty)
    }
  }

  @Test func `an estimate warns of a model past its sunset`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(["one"])
      try Data("models: [{id: old, provider: openai, dimensions: 8, sunset: 2020-01-31}]".utf8)
        .write(to: URL(fileURLWithPath: scene.folder.file("own.yaml")))
      try scene.write(spec: scene.spec.replacing("text-embedding-3-small", with: "old"))
      let exit = try await scene.start(["estimate", "job.yaml", "--models", "own.yaml"]).exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.errors.contains("vecfill: warning: openai may no longer serve old: its sunset was 2020-01-31\n"))
    }
  }

  @Test(arguments: ["voyag", "Voyage", "voyage-ai"])
  func `a provider's name that is nearly right is asked about`(name: String) async throws {
    try await Scene.run(.sqlite) { scene in
      let exit = try await scene.start(["config", "job.yaml", "--provider", name]).exit()
      #expect(exit.code == 78)
      #expect(exit.errors.contains("--provider: the catalogue doesn't know this provider"))
      #expect(exit.errors.contains("did you mean voyage?"))
    }
  }

  @Test func `no key of another provider goes to the server that is called`() async throws {
    var options = EmbeddingsServer.Options()
    options.apiKey = nil
    try await Scene.run(.sqlite, options) { scene in
      try await scene.database.insert(["one"])
      try scene.write(spec: scene.spec + "\nprovider: mistral\nbase_url: \(scene.server.root)/v1\n")
      let keys = ["OPENAI_API_KEY": "sk-test", "MISTRAL_API_KEY": "of-mistral", "VOYAGE_API_KEY": "of-voyage"]
      let exit = try await scene.fill(["--dimensions", "8"], keys)
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(!scene.server.record.requests.isEmpty)
      for request in scene.server.record.requests { #expect(request.headers["authorization"] == nil) }
      #expect(exit.errors.contains("MISTRAL_API_KEY is not sent to 127.0.0.1"))
    }
  }
}
