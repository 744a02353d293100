import Backfill
import Foundation
import TestSupport
import Testing

/// Providers, and what stands before them, that hand back what they were sent.
extension CanaryTests {
  /// Words that give a secret away, in forms that ids and codes take.
  static let words: [String] = [Canary.key, Canary.half].flatMap { secret in
    let half = String(secret.prefix(secret.count / 2 + 1))
    return [
      secret, "req_\(secret.suffix(12))", "x-\(half)-y", secret.uppercased(), half.lowercased(),
      "b64." + Data("Bearer \(secret)".utf8).base64EncodedString().replacing("=", with: ""),
      Data(secret.utf8).map { String(format: "%02x", $0) }.joined(),
    ]
  }

  /// What a server answers to every request, whatever is asked.
  static func echoes() -> [EmbeddingsServer.Response] {
    let sentences = [
      "can't embed '\(Canary.text(1))'", "Bearer \(Canary.key) is not allowed",
      "Authorization: Basic \(Data("u:\(Canary.key)".utf8).base64EncodedString())",
      "refused \(Canary.forms(of: Canary.key).joined(separator: " "))", String(Canary.mark.prefix(20)),
    ]
    var responses: [EmbeddingsServer.Response] = []
    for (index, status) in [400, 401, 403, 418, 429, 500, 200, 400, 403, 502].enumerated() {
      let sentence = sentences[index % sentences.count]
      let word = words[index % words.count]
      let other = words[(index + 7) % words.count]
      let headers = [
        ("x-request-id", words[(index + 3) % words.count]), ("apim-request-id", other), ("Retry-After", "0"),
        ("WWW-Authenticate", "Bearer \(Canary.key)"), ("Location", "https://u:\(Canary.key)@host/\(encodedPassword)"),
      ]
      let json = """
        {"error":{"message":"\(sentence)","code":"\(word)","type":"\(other)","param":"\(Canary.half)",
        "details":[{"reason":"\(other)","input":"\(Canary.mark)"}]},"model":"\(word)","\(Canary.half)":1}
        """
      let page = "<html><head><title>\(sentence)</title></head><body>\(word) \(Canary.mark)</body></html>"
      responses.append(.init(status, headers: headers, body: [json, page, sentence][index % 3]))
      if index.isMultiple(of: 2) { responses.append(.init(status, headers: headers, body: json)) }
    }
    responses.append(
      .init(302, headers: [("Location", "http://u:\(Canary.key)@127.0.0.1/\(Canary.half)")], body: Canary.mark))
    return responses
  }

  @Test func `a provider that echoes the key and the texts in all that it says tells nothing of them`() async throws {
    var options = EmbeddingsServer.Options()
    options.apiKey = Canary.key
    let behaviours: [EmbeddingsServer.Behaviour] =
      Self.echoes().map { .respond($0) }
      + stride(from: 0, to: Self.words.count, by: 4).map { .distort(.model(Self.words[$0])) }
    let current = Locked(0)
    let rules = behaviours.indices.map { number in
      EmbeddingsServer.Rule.when({ current.withLock { $0 == number } }, behaviours[number])
    }
    try await Scene.run(.sqlite, options, rules: rules) { scene in
      try await scene.database.insert((1...4).map(Canary.text))
      let place = ["OPENAI_API_KEY": Canary.key]
      var ends: Set<Int32> = []
      for number in behaviours.indices {
        current.withLock { $0 = number }
        let seen = scene.server.record.requests.count
        let format = number.isMultiple(of: 2) ? "json" : "text"
        let exit = try await scene.fill(
          ["--log-format", format, "--max-outage", "0", "--ledger", scene.folder.file("ledger/\(number).db")], place)
        ends.insert(exit.code ?? -1)
        #expect(scene.server.record.requests.count > seen, "the fault was met")
        for said in [exit.output, exit.errors] {
          if let found = Canary.all.found(in: said) { Issue.record("answer \(number): \(found)") }
        }
        try await scene.database.run("UPDATE chat_messages SET embedding = NULL")
        if number < 2 {
          try await Self.expectSilence(
            scene,
            [
              ["search", "\(Canary.half) and more", "job.yaml"],
              ["quarantine", "list", "--ledger", scene.folder.file("ledger/\(number).db")],
            ], place)
        }
      }
      #expect(ends.count >= 4, "\(ends)")
      let written = Canary.all.files(in: scene.folder.path, but: ["chat.db"])
      #expect(written == [])
    }
  }

  @Test func `a base URL, a proxy or a CA file that fails tells no password`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((1...2).map(Canary.text))
      let secret = "u:\(Self.encodedPassword)@"
      let root = scene.server.root
      for (name, value) in [
        ("OPENAI_BASE_URL", root.replacing("://", with: "://\(secret)") + "/v1"),
        ("OPENAI_BASE_URL", "https://u:\(Canary.password)@host/v1"),
        ("OPENAI_BASE_URL", "\(root)/v1?key=\(Canary.key)"),
        ("VECFILL_PROXY", "http://\(secret)127.0.0.1:1"), ("VECFILL_PROXY", "http://u:\(Canary.password)@127.0.0.1:1"),
        ("http_proxy", "http://\(secret)127.0.0.1:1"), ("http_proxy", "ftp://\(secret)127.0.0.1:1"),
        ("OPENAI_API_KEY", "\(Canary.key) \(Canary.key)"), ("OPENAI_API_KEY", "\(Canary.key)\r\nX: y"),
        ("VECFILL_MODEL", Canary.key), ("OPENAI_ORG_ID", Canary.key),
      ] {
        try await Self.expectSilence(
          scene,
          [name.hasPrefix("OPENAI_O") ? ["config", "job.yaml", "--json"] : ["run", "job.yaml", "--max-outage", "0"]],
          ["OPENAI_BASE_URL": root + "/v1"].merging([name: value]) { $1 })
      }
      try await Self.expectSilence(
        scene,
        [
          ["tokenizer", "install", "--from", "http://\(secret)127.0.0.1:1/\(Canary.key)?token=\(Canary.key)"],
          ["tokenizer", "install", "--from", "ftp://\(secret)127.0.0.1/a"],
          ["run", "job.yaml", "postgresql://\(secret)h/d"],
          ["run", "job.yaml", "--database-url=postgresql://\(secret)h/d"],
          ["run", "job.yaml", "--openai-api-key", Canary.key], ["status", Canary.key],
          ["run", "job.yaml", "--base-url", "https://\(secret)host/v1"], ["run", "job.yaml", "--model", Canary.key],
          ["estimate", "job.yaml", "--sample", Canary.key],
          ["migrate", "up", "--migration-database-url", "postgresql://\(secret)h/d"],
        ])
      #expect(Canary.all.files(in: scene.folder.path, but: ["chat.db"]) == [])
    }
  }
}
