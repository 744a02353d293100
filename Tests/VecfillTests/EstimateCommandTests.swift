import Backfill
import Foundation
import Ledger
import PgVector
import TestSupport
import Testing
import Tokenizer

@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct EstimateCommandTests {
  static let vocabulary = try? Cl100kBase(from: VocabularyFolder.searched(ProcessInfo.processInfo.environment))
  static let folder = VocabularyFolder.perUser(ProcessInfo.processInfo.environment).path

  private static let texts =
    (0..<120).map { "message \($0)\nsays: «здравствуйте», 你好, naïve 👩‍👩‍👧 <|endoftext|> \($0 * 7919)" }
    + ["same", "same", "", " \n\t", "same", "x"]

  static func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test(
    .enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)"), arguments: ChatDatabase.Engine.allCases)
  func `an exact estimate is what the run is billed, to the token, the request and the dollar`(
    engine: ChatDatabase.Engine
  ) async throws {
    let tokenizer = try #require(Self.vocabulary)
    var options = EmbeddingsServer.Options()
    options.tokens = { tokenizer.count($0) }
    try await Scene.run(engine, options) { scene in
      try await scene.database.insert(Self.texts)
      try await scene.database.insert((0..<40).map { "standalone \($0)" }, into: "standalone_chat_messages")
      let environment = ["VECFILL_DATA_DIR": Self.folder]
      let told = try await scene.start(["estimate", "job.yaml", "--json"], environment).exit()
      #expect(told.code == 0, "\(told.errors)")
      let estimate = try Self.object(told.output)
      #expect(estimate["exact"] as? Bool == true)
      #expect(estimate["rows"] as? Int == 164)
      #expect(estimate["blank"] as? Int == 2)
      #expect(estimate["duplicates"] as? Int == 2)
      let sources = try #require(estimate["sources"] as? [[String: Any]])
      #expect(sources.map { $0["source"] as? String } == ["chat_messages", "standalone_chat_messages"])
      #expect(sources.reduce(0) { $0 + ($1["tokens"] as? Int ?? 0) } == estimate["tokens"] as? Int)
      #expect(scene.server.record.acceptedConnections == 0)

      let exit = try await scene.fill(["--log-format", "json"], environment)
      #expect(exit.code == 0, "\(exit.errors)")
      let summary = try Self.object(exit.output)
      #expect(estimate["tokens"] as? Int == scene.server.record.billedTokens)
      #expect(summary["tokens_billed"] as? Int == scene.server.record.billedTokens)
      #expect(summary["tokens_estimated"] as? Int == scene.server.record.billedTokens)
      #expect(estimate["requests"] as? Int == summary["requests"] as? Int)
      let (priced, paid) = (estimate["cost_usd"] as? Double ?? -1, summary["cost_usd"] as? Double ?? -2)
      #expect(abs(priced - paid) < 1e-12)
    }
  }

  @Test func `the summary of a run tells by how much the estimate was off`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(Self.texts)
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      let status = try #require(try await scene.status())
      let off = status.tally.billedTokens - status.tally.estimatedTokens
      #expect(off != 0)
      #expect(exit.output.contains("estimated before: "))
      #expect(exit.output.replacing(",", with: "").contains("difference \(off) ("))
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `without the vocabulary every figure of tokens and dollars is marked as estimated, with its band`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert(Self.texts)
      let exit = try await scene.start(["estimate", "job.yaml"]).exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(!exit.output.contains("exact"))
      #expect(exit.output.contains("0.78 to 1.60 times"))
      for line in exit.output.split(separator: "\n") where line.hasPrefix("  tokens") || line.hasPrefix("  cost") {
        #expect(line.contains("~"), "\(line)")
      }
      for line in exit.output.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
      let estimate = try Self.object(try await scene.start(["estimate", "job.yaml", "--json"]).exit().output)
      #expect(estimate["exact"] as? Bool == false)
      let tokens = try #require(estimate["tokens"] as? Int)
      #expect(estimate["tokens_low"] as? Int ?? 0 < tokens && tokens < estimate["tokens_high"] as? Int ?? 0)
    }
  }

  @Test func `the dry run is the estimate, and nothing is written or called, not even a state folder`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(Self.texts)
      let file = URL(fileURLWithPath: scene.folder.file("chat.db"))
      let before = try Data(contentsOf: file)
      try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: file.path)
      let files = try FileManager.default.contentsOfDirectory(atPath: scene.folder.path).sorted()
      let estimate = try await scene.start(["estimate", "job.yaml"], ["OPENAI_API_KEY": nil]).exit()
      let dryRun = try await scene.fill(["--dry-run"], ["OPENAI_API_KEY": nil])
      #expect(estimate.code == 0, "\(estimate.errors)")
      #expect(dryRun.code == 0, "\(dryRun.errors)")
      #expect(dryRun.output == estimate.output)
      #expect(scene.server.record.acceptedConnections == 0)
      #expect(try Data(contentsOf: file) == before)
      #expect(try FileManager.default.contentsOfDirectory(atPath: scene.folder.path).sorted() == files)
    }
  }

  static let templated = """
    table: chat_messages
        text: "{role}: {content}"
        where: "role = 'user'"
    """

  @Test(
    arguments: ChatDatabase.Engine.allCases,
    [("table: chat_messages", ""), (templated, ""), ("table: chat_messages", "\nedits: digest")])
  func `before the column and pgvector are there, all rows count`(
    _ engine: ChatDatabase.Engine, _ job: (source: String, edits: String)
  ) async throws {
    let (source, edits) = job
    try await Scene.run(engine) { scene in
      try scene.write(source: source)
      try await scene.database.insert(Self.texts)
      let estimate = { try await scene.start(["estimate", "job.yaml", "--json"]).exit() }
      let with = try await estimate()
      for table in ["chat_messages", "standalone_chat_messages"] {
        try await scene.database.run("ALTER TABLE \(table) DROP COLUMN embedding")
      }
      if engine != .sqlite { try await scene.database.run("DROP EXTENSION vector") }
      // What finds edited texts is yet to be made, too.
      try scene.write(spec: try String(contentsOfFile: scene.folder.file("job.yaml"), encoding: .utf8) + edits)
      let without = try await estimate()
      #expect(without.code == 0, "\(without.errors)")
      #expect(without.output == with.output)
      #expect(without.errors.contains("chat_messages.embedding is yet to be made, so all rows count"))
      #expect(!with.errors.contains("yet to be made"))
      let run = try await scene.fill()
      #expect(run.code == 78)
      #expect(run.errors.contains("`vecfill migrate up JOB`") || engine == .sqlite, "\(run.errors)")
    }
  }

  @Test(arguments: [false, true]) func `a role that can only SELECT is enough`(isPlanned: Bool) async throws {
    try await Scene.run(.postgres18) { scene in
      try await scene.database.insert(Self.texts)
      if isPlanned { #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0) }
      let role = "role_\(UUID().uuidString)"
      try await scene.database.run(
        """
        CREATE ROLE "\(role)" LOGIN;
        GRANT SELECT ON chat_messages, standalone_chat_messages TO "\(role)"
        """)
      let url = ["DATABASE_URL": scene.database.url.replacing("postgres@", with: "\(role)@")]
      let estimate = try await scene.start(["estimate", "job.yaml", "--json"], url).exit()
      #expect(estimate.code == 0, "\(estimate.errors)")
      #expect(try Self.object(estimate.output)["rows"] as? Int == 124)
      #expect(estimate.errors.contains("vecfill_shard: the role may not read it") == isPlanned, "\(estimate.errors)")
      #expect(try await scene.fill([], url).code == 77)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `what is quarantined is left out of the price until its text is mended`(engine: ChatDatabase.Engine) async throws
  {
    try await Scene.run(engine, rules: [.poison { $0.contains("poison") }]) { scene in
      try await scene.database.insert((0..<30).map { $0 == 7 ? "poison" : "message \($0)" })
      #expect(try await scene.fill().code == 83)
      try await scene.database.insert(["one more"])
      let estimate = try Self.object(try await scene.start(["estimate", "job.yaml", "--json"]).exit().output)
      #expect(estimate["rows"] as? Int == 1)
      #expect(estimate["quarantined"] as? Int == 1)

      try await scene.database.run("UPDATE chat_messages SET content = 'mended' WHERE content = 'poison'")
      let mended = try Self.object(try await scene.start(["estimate", "job.yaml", "--json"]).exit().output)
      #expect(mended["rows"] as? Int == 2)
      #expect(mended["quarantined"] as? Int == 0)
    }
  }

  @Test(
    .enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)"), arguments: ChatDatabase.Engine.allCases)
  func `what a killed run has paid for is left out of the price, but not where its text has changed since`(
    engine: ChatDatabase.Engine
  ) async throws {
    let tokenizer = try #require(Self.vocabulary)
    var options = EmbeddingsServer.Options()
    options.tokens = { tokenizer.count($0) }
    try await Scene.run(engine, options) { scene in
      try await scene.database.insert((0..<120).map { "message \($0)" })
      let rows = try await KillTests.holdRows(of: scene, engine)
      let process = try scene.start(["run", "job.yaml"])
      try await scene.wait { $0.totals.spooledBatches >= 4 }
      await KillTests.kill(process)
      if engine != .sqlite { try await KillTests.endSessions(of: scene) }
      rows.release()
      let batches = try #require(try await scene.status()).totals.spooledBatches
      #expect(try await scene.database.count("embedding IS NOT NULL") == 0)
      let environment = ["VECFILL_DATA_DIR": Self.folder]
      func estimate() async throws -> [String: Any] {
        let exit = try await scene.start(["estimate", "job.yaml", "--json"], environment).exit()
        #expect(exit.code == 0, "\(exit.errors)")
        return try Self.object(exit.output)
      }

      let left = try await estimate()
      #expect(left["spooled"] as? Int == 10 * batches)
      #expect(left["rows"] as? Int == 120 - 10 * batches)
      // Each batch is of ten rows one after another.
      try await scene.database.run("UPDATE chat_messages SET content = 'now ' || content WHERE id % 2 = 0")
      let changed = try await estimate()
      #expect(changed["spooled"] as? Int == 5 * batches)
      #expect(changed["rows"] as? Int == 120 - 5 * batches)

      let billed = scene.server.record.billedTokens
      let exit = try await scene.fill([], environment)
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(scene.server.record.billedTokens - billed == changed["tokens"] as? Int)
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test(arguments: [("0.00000001", 82 as Int32), ("1", 0)])
  func `a cost above the most that is allowed is an exit of its own`(most: String, code: Int32) async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(Self.texts)
      let exit = try await scene.start(["estimate", "job.yaml", "--json", "--max-cost", most]).exit()
      #expect(exit.code == code, "\(exit.errors)")
      #expect(try Self.object(exit.output)["cost_usd"] as? Double ?? 0 > 0)
      #expect(exit.errors.contains("--max-cost") == (code == 82))
    }
  }

  @Test func `a cost that can't be known passes no gate`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(["a"])
      let exit = try await scene.start(["estimate", "job.yaml", "--model", "new-model", "--max-cost", "9"]).exit()
      #expect(exit.code == 78)
      #expect(exit.output.contains("price unknown"))
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `a sample is marked as one and tells where the truth is`(engine: ChatDatabase.Engine) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((0..<3_000).map { String(repeating: "word ", count: 1 + $0 % 50) + "\($0)" })
      let whole = try Self.object(try await scene.start(["estimate", "job.yaml", "--json"]).exit().output)
      let told = try await scene.start(["estimate", "job.yaml", "--json", "--sample", "800"]).exit()
      #expect(told.code == 0, "\(told.errors)")
      let sample = try Self.object(told.output)
      #expect(sample["exact"] as? Bool == false)
      #expect((600...1_000).contains(sample["rows_read"] as? Int ?? 0))
      #expect(sample["rows"] as? Int == 3_000)
      // Far more than 95 %: four times the half width.
      let (sum, truth) = (sample["tokens"] as? Int ?? 0, whole["tokens"] as? Int ?? 0)
      #expect(abs(sum - truth) < truth / 8)
      let text = try await scene.start(["estimate", "job.yaml", "--sample", "800"]).exit().output
      #expect(text.split(whereSeparator: \.isWhitespace).joined(separator: " ").contains("95 % confidence"))

      let within = try Self.object(
        try await scene.start(["estimate", "job.yaml", "--json", "--within", "0.1%"]).exit().output)
      #expect(within["rows_read"] as? Int == 3_000)
      #expect(within["tokens"] as? Int == truth)
    }
  }

  @Test func `the catalogue's models stand side by side by their whole names, the cheapest first`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(Self.texts)
      let json = try await scene.start(["estimate", "job.yaml", "--json", "--compare"]).exit()
      #expect(json.code == 0, "\(json.errors)")
      let models = try #require(try Self.object(json.output)["models"] as? [[String: Any]])
      let costs = models.compactMap { $0["cost_usd"] as? Double }
      #expect(models.count > 10 && costs == costs.sorted())
      let small = models.first {
        $0["model"] as? String == "text-embedding-3-small" && $0["provider"] as? String == "openai"
      }
      let own = try Self.object(try await scene.start(["estimate", "job.yaml", "--json"]).exit().output)
      #expect(small?["cost_usd"] as? Double == own["cost_usd"] as? Double)
      let text = try await scene.start(["estimate", "job.yaml", "--compare"]).exit().output
      for model in models { #expect(text.contains("\n\(model["model"] as? String ?? "?") "), "\(model)") }
    }
  }

  @Test(arguments: [64, 768, 1536, 3072])
  func `the disk of an HNSW index and the bytes of its vectors are what PostgreSQL takes`(
    dimensions: Int
  ) async throws {
    let database = try await PostgresCluster.shared(.eighteen).freshDatabase()
    let rows = 500
    let index = HNSWIndex(column: "embedding", type: .vector, dimensions: dimensions, in: nil)
    _ = try await database.run(
      """
      CREATE TABLE t (embedding vector(\(dimensions)));
      INSERT INTO t SELECT (SELECT array_agg(random() + i * 0 * j)::vector FROM generate_series(1, \(dimensions)) AS j)
        FROM generate_series(1, \(rows)) AS i;
      CREATE INDEX i ON t \(try #require(index).body)
      """)
    let size = try #require(try await database.value("SELECT pg_relation_size('i')").flatMap(Int.init))
    let estimate = try #require(VectorStorage.vector.indexBytes(rows: rows, dimensions: dimensions))
    // Which vectors stand on upper levels, with more links, is left to chance: a page or two of so small an index.
    #expect(abs(size - estimate) <= max(estimate / 20, 3 * 8192), "\(size) for \(estimate)")
    let bytes = try await database.value("SELECT sum(pg_column_size(embedding)) / \(rows) FROM t").flatMap(Int.init)
    // A vector that is stored out of line has no header of its own there.
    let told = VectorStorage.vector.bytesPerRow(dimensions: dimensions)
    #expect(bytes == told || bytes == told - 4)
  }

  static let undigested: [(ChatDatabase.Engine, String)] = ChatDatabase.Engine.allCases.flatMap { engine in
    let edits = ["edits: digest"] + (engine == .sqlite ? [] : ["edits: {digest: table}"])
    return edits.map { (engine, $0) }
  }

  @Test(arguments: undigested)
  func `before the digests are there, each vector counts as current`(_ engine: ChatDatabase.Engine, _ edits: String)
    async throws
  {
    try await Scene.run(engine) { scene in
      try await scene.database.insert(["a", "b"])
      #expect(try await scene.fill().code == 0)
      try await scene.database.insert(["c"])
      try scene.write(spec: scene.spec + "\n" + edits)
      let exit = try await scene.start(["estimate", "job.yaml", "--json"]).exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try Self.object(exit.output)["rows"] as? Int == 1, "\(exit.output)")
    }
  }
}
