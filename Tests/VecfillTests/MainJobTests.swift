import Foundation
import TestSupport
import Testing

@Suite struct MainJobTests {
  @Test(arguments: ChatDatabase.Engine.allCases)
  func `one command gives each row the vector of its own text`(engine: ChatDatabase.Engine) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((0..<95).map { "message \($0)\nwith 'quotes' – и другое" })
      try await scene.database.insert(
        ["same", "same", "", " \n\t", "same", "<|endoftext|>"], into: "standalone_chat_messages")
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(exit.output.contains("rows written         99"))
      #expect(exit.output.contains("blank, skipped       2"))
      #expect(scene.server.record.billed.count == 97)
      #expect(scene.server.record.billedTwice == 0)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `a second run finds nothing to do and asks for nothing`(engine: ChatDatabase.Engine) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((0..<30).map { "message \($0)" })
      _ = try await scene.fill()
      let requests = scene.server.record.requests.count
      let exit = try await scene.fill()
      #expect(exit.code == 0)
      #expect(scene.server.record.requests.count == requests)
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `the original schema with both of its HNSW indexes is filled, and searched through them`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine, indexed: true) { scene in
      try await scene.database.insert((0..<50).map { "message \($0)" })
      try await scene.database.insert((0..<50).map { "standalone \($0)" }, into: "standalone_chat_messages")
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      let search = try await scene.start(["search", "standalone 7", "job.yaml", "--limit", "1"]).exit()
      #expect(
        search.output
          == "distance  table key                   text\n0.0000    standalone_chat_messages 8  standalone 7\n")
    }
  }

  @Test func `requests run side by side, and no more than the concurrency`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.sqlite, rules: [.always(.hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((0..<200).map { "message \($0)" })
      let process = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.inFlight == 4 }
      gate.open()
      #expect(await process.exit().code == 0)
      #expect(scene.server.record.peakInFlight == 4)
    }
  }

  @Test func `the log in JSON is one object a line, and the summary one object`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(["a", "b"])
      let exit = try await scene.fill(["--log-format", "json"])
      for line in exit.errors.split(separator: "\n") {
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        #expect(object?["message"] != nil)
      }
      let summary = try JSONSerialization.jsonObject(with: Data(exit.output.utf8)) as? [String: Any]
      #expect(summary?["rows_written"] as? Int == 2)
      #expect(summary?["exit_code"] as? Int == 0)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `one poison message is quarantined with its reason and all the others are filled`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine, rules: [.poison { $0.contains("poison") }]) { scene in
      try await scene.database.insert((0..<40).map { $0 == 17 ? "poison" : "message \($0)" })
      let exit = try await scene.fill()
      #expect(exit.code == 83)
      #expect(try await scene.wrongRows() == ["poison"])
      #expect(try await scene.database.count("embedding IS NULL") == 1)
      #expect(scene.server.record.billedTwice == 0)
      let requests = scene.server.record.requests.count
      #expect(try await scene.fill(["--max-quarantined", "1"]).code == 0)
      #expect(scene.server.record.requests.count == requests)
    }
  }

  @Test func `neither a message nor the key is in the ledger, the log or the output`() async throws {
    let rules: [EmbeddingsServer.Rule] = [
      .poison { $0.contains("poison") },
      .request(1, .respondTo { .error(500, type: "server_error", message: "could not process \($0[0])") }),
    ]
    try await Scene.run(.sqlite, rules: rules) { scene in
      try await scene.database.insert((0..<30).map { "secret message \($0)" } + ["secret poison"])
      let exit = try await scene.fill(["--log-format", "json"])
      #expect(exit.code == 83, "\(exit.errors)")
      let ledger = try Data(contentsOf: URL(fileURLWithPath: scene.ledgerPath))
      for secret in ["secret", "sk-test"] {
        #expect(!exit.output.contains(secret))
        #expect(!exit.errors.contains(secret))
        #expect(ledger.range(of: Data(secret.utf8)) == nil)
      }
    }
  }
}
