import Foundation
import TestSupport
import Testing

/// Secrets in wrong places, and addresses that nobody can use.
extension CanaryTests {
  /// Lines of a job spec that hold a secret where none belongs.
  static let specs = [
    "\(Canary.key): 1", "\"\(Canary.password)\": 1", "name: \(Canary.key)", "model: \(Canary.key)",
    "base_url: https://u:\(Canary.password)@host/v1", "proxy: http://u:\(encodedPassword)@host",
    "database_url: postgresql://u:\(Canary.password)@h/d", "openai_api_key: \(Canary.key)",
    "organization: \(Canary.key)",
    "{\(Canary.key): 1, \(Canary.key): 2}", "limits: {\(Canary.key): 1}", "budget: {usd: \(Canary.key)}",
    "\(Canary.key): [\n", "x: \"\(Canary.key)\\q\"", "batch_size: \(Canary.password)", "too_long: \(Canary.key)",
    "index: {when: \(Canary.key)}", "*\(Canary.half)", "ca_file: \(Canary.key)",
    "sources:\n  - table: postgresql://u:\(encodedPassword)@h/d",
  ]

  static let dotenvs = [
    "DATABASE_URL \(Canary.password)", "DATABASE_URL=\"postgresql://u:\(Canary.password)@h/d", "\(Canary.key)",
    "OPENAI_API_KEY='\(Canary.key)' \(Canary.key)", "OPENAI_API_KEY=\"\\q\(Canary.key)\"", "export \(Canary.key)=1",
    "VECFILL_MODEL=\(Canary.key)", "OPENAI_API_KEY=\(Canary.key) \(Canary.key)", "VECFILL_CONCURRENCY=\(Canary.key)",
    "DATABASE_URL=postgresql://u:\(Canary.password)@127.0.0.1:1/d",
  ]

  /// Addresses of databases with a password that was not quoted, in forms that are taken and in forms that aren't.
  static func addresses(_ port: Int) -> [String] {
    let (raw, encoded) = (Canary.password, encodedPassword)
    return [
      "postgresql://u:\(raw)@127.0.0.1:\(port)/d",
      "postgresql://\(PostgresCluster.guardedRole):\(encoded)@127.0.0.1:\(port)/postgres",
      "host=127.0.0.1 port=\(port) user=\(PostgresCluster.guardedRole) password='\(raw)' dbname=postgres",
      "postgresql://u:\(encoded)@127.0.0.1:1/d", "postgresql://u:\(encoded)@127.0.0.1:\(port)/none",
      "postgresql://u:\(encoded)@127.0.0.1:\(port)/d?sslmode=\(encoded)",
      "postgresql://u@127.0.0.1:\(port)/d?sslmode=require&password=\(encoded)", "password=\(raw) host=127.0.0.1 port=1",
      "mysql://u:\(raw)@h/d", "Host=h;Password=\(raw)", raw, "sqlite:///\(raw)?key=\(Canary.key)",
      "postgresql://u:\(encoded)@127.0.0.1:\(port)/postgres?sslkey=\(encoded)&sslmode=verify-full&sslrootcert=/none",
      "service=canary",
    ]
  }

  @Test func `a secret in a wrong place, or an address that can't be used, is not told`() async throws {
    let port = try await PostgresCluster.shared(.eighteen).port
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((1...2).map(Canary.text))
      let spec = scene.spec
      for (number, line) in Self.specs.enumerated() {
        let names = line.prefix { $0 != ":" }
        let rest = spec.split(separator: "\n").filter { !$0.hasPrefix("\(names):") }.joined(separator: "\n")
        try scene.write(spec: line.hasPrefix("sources:") ? line + "\nmodel: m\ndimensions: 8" : "\(rest)\n\(line)\n")
        try await Self.expectSilence(
          scene, [number.isMultiple(of: 2) ? ["config", "job.yaml", "--json"] : ["estimate", "job.yaml"]], codes: [78])
      }
      try scene.write(spec: spec)
      let dotenv = scene.folder.file(".env")
      for line in Self.dotenvs {
        try Data("# a file\n\(line)\n".utf8).write(to: URL(fileURLWithPath: dotenv))
        try await Self.expectSilence(
          scene, [["run", "job.yaml", "--max-outage", "0"]],
          ["DATABASE_URL": nil, "OPENAI_API_KEY": nil, "OPENAI_BASE_URL": nil])
      }
      try FileManager.default.removeItem(atPath: dotenv)
      let service = """
        [canary]
        host=127.0.0.1
        port=\(port)
        user=\(PostgresCluster.guardedRole)
        dbname=postgres
        password=\(Canary.password)
        """
      for lines in [service, service + "\n\(Canary.key)\n", service + "\nsslmode=\(Canary.half)\n"] {
        try Data(lines.utf8).write(to: URL(fileURLWithPath: scene.folder.file("services")))
        try await Self.expectSilence(
          scene, [["run", "job.yaml", "--max-outage", "0"]],
          ["DATABASE_URL": "service=canary", "PGSERVICEFILE": scene.folder.file("services")], codes: [69, 77, 78])
      }
      let commands = [
        ["run", "job.yaml", "--max-outage", "0", "--log-format", "json"], ["estimate", "job.yaml"],
        ["migrate", "plan", "job.yaml"],
        ["migrate", "restore"], ["search", "words", "job.yaml"], ["ledger", "forget", "m.embedding"],
        ["config", "--json"],
      ]
      for (number, address) in Self.addresses(port).enumerated() {
        try await Self.expectSilence(
          scene, [commands[number % commands.count], commands[(number + 3) % commands.count]], ["DATABASE_URL": address]
        )
      }
      #expect(Canary.all.files(in: scene.folder.path, but: ["chat.db", "services", "job.yaml"]) == [])
    }
  }

  /// Functions of SQLite that quote what they are given.
  @Test func `a condition in SQLite that fails at a row tells nothing of it`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((1...3).map(Canary.text))
      let spec = scene.spec
      for condition in [
        "json_extract('{}', content) IS NULL", "json(content) IS NOT NULL", "json_set('{}', content, 1) IS NOT NULL",
        "content MATCH content", "content REGEXP content", "load_extension(content)", "content LIKE 'a' ESCAPE content",
        "abs(-9223372036854775808) OR content", "strftime(content, content) = content",
      ] {
        try scene.write(
          spec: spec.replacing("table: chat_messages\n", with: "table: chat_messages\n    where: \"\(condition)\"\n"))
        try await Self.expectSilence(scene, [["run", "job.yaml", "--max-outage", "0"]])
      }
      #expect(Canary.all.files(in: scene.folder.path, but: ["chat.db"]) == [])
    }
  }
}
