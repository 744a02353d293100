import Foundation
import TestSupport
import Testing

/// Real processes that fill the partitions of a table, each a shard.
@Suite struct PartitionShardTests {
  private static let table = """
    CREATE TABLE m (id bigint, day date, content text, embedding vector(8), PRIMARY KEY (id, day))
      PARTITION BY RANGE (day);
    CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE m_2 PARTITION OF m FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
    CREATE TABLE m_3 PARTITION OF m FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
    CREATE TABLE m_rest PARTITION OF m DEFAULT;
    INSERT INTO m SELECT n, date '2026-01-10' + (n % 5 / 3) * 31, 'message ' || n FROM generate_series(1, 50) AS n;
    INSERT INTO m SELECT n, '2026-03-05', 'march ' || n FROM generate_series(101, 110) AS n
    """

  /// A scene whose job fills `m` and what `sources` names besides.
  private static func run(
    rules: [EmbeddingsServer.Rule] = [], sources: String = "", _ body: (Scene) async throws -> Void
  ) async throws {
    try await Scene.run(.postgres18, rules: rules) { scene in
      try await scene.database.run(table)
      try scene.write(
        spec: scene.spec.replacing(
          "  - table: chat_messages\n  - table: standalone_chat_messages\n", with: "  - table: m\n\(sources)"))
      try await body(scene)
    }
  }

  /// The rows of `m` that lack the vector of their text, by partition.
  private static func lacking(_ scene: Scene) async throws -> [String: Int] {
    var lacking: [String: Int] = [:]
    for row in try await scene.database.rows("SELECT tableoid::regclass, content, embedding::text FROM m") {
      let right = EmbeddingsServer.vector(for: row[1] ?? "", dimensions: 8)
      let vector = (row[2] ?? "").dropFirst().dropLast().split(separator: ",").compactMap { Float($0) }
      guard vector.count != right.count || !zip(vector, right).allSatisfy({ abs($0 - $1) < 1e-5 }) else { continue }
      lacking[row[0] ?? "", default: 0] += 1
    }
    return lacking
  }

  private static func exit(
    _ scene: Scene, _ arguments: [String], _ code: Int32, _ words: String = "", machine: String = "one"
  ) async throws {
    let exit = try await scene.start(arguments, ShardTests.machine(machine, of: scene)).exit()
    #expect(exit.code == code, "\(arguments): \(exit.output)\(exit.errors)")
    #expect(words.isEmpty || (exit.output + exit.errors).contains(words), "\(arguments): \(exit.output)\(exit.errors)")
  }

  @Test
  func
    `each partition is a shard, one is killed and resumed elsewhere, others come and go, and finish fills what came`()
    async throws
  {
    let gate = EmbeddingsServer.Gate()
    try await Self.run(rules: [.texts(with: "march", .hold(gate, then: .answer))]) { scene in
      let plan = try await scene.start(["plan", "job.yaml", "--shards", "partitions"]).exit()
      #expect(plan.code == 0, "\(plan.errors)")
      #expect(plan.output.contains("4 shards of 0 to 30 rows each; 4 open"), "\(plan.output)")
      for (shard, words) in ["m_1, 30 rows", "m_2, 20 rows", "m_3, 10 rows", "m_rest, 0 rows"].enumerated() {
        #expect(plan.output.contains("  shard \(shard): public.\(words)\n"), "\(plan.output)")
      }
      try await Self.exit(scene, ["run", "job.yaml", "--shard", "0"], 0, "shard 0 of 4: partition public.m_1")
      #expect(try await Self.lacking(scene) == ["m_2": 20, "m_3": 10])

      let killed = try scene.start(["run", "job.yaml", "--shard", "2"], ShardTests.machine("two", of: scene))
      try await scene.poll("the held request") { scene.server.record.inFlight > 0 }
      try await Self.exit(scene, ["run", "job.yaml", "--shard", "2"], 80, "pid \(killed.pid) shard 2")
      await KillTests.kill(killed)
      scene.server.add(.always(.answer))

      // One comes, and one whose shard has not run goes.
      try await scene.database.run(
        """
        CREATE TABLE m_4 PARTITION OF m FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
        INSERT INTO m SELECT n, '2026-04-05', 'april ' || n FROM generate_series(201, 210) AS n;
        INSERT INTO m VALUES (300, '2026-01-20', 'late');
        ALTER TABLE m DETACH PARTITION m_2
        """)
      let came = "came after the plan, for `vecfill finish` to fill: public.m_4"
      try await Self.exit(scene, ["plan", "job.yaml", "--shards", "partitions"], 0, came)
      try await Self.exit(scene, ["plan", "job.yaml"], 0, came)
      try await Self.exit(scene, ["plan", "job.yaml", "--shards", "4"], 78, "it is cut into 4 shards already")
      try await Self.exit(scene, ["finish", "job.yaml"], 81, "shards 1 to 3 are open")
      try await Self.exit(scene, ["run", "job.yaml", "--shard", "2"], 0, machine: "three")
      let requests = scene.server.record.requests.count
      for shard in ["0", "1", "3"] { try await Self.exit(scene, ["run", "job.yaml", "--shard", shard], 0) }
      #expect(scene.server.record.requests.count == requests)
      #expect(try await Self.lacking(scene) == ["m_1": 1, "m_4": 10])
      #expect(try await scene.database.count("embedding IS NOT NULL", in: "m_2") == 0)

      try await Self.exit(scene, ["finish", "job.yaml"], 0, "came after the plan, and filled now: public.m_4")
      #expect(try await Self.lacking(scene).isEmpty)
      #expect(try await ShardTests.planned(scene) == "0")
      // No more than what was in flight at the kill.
      #expect(scene.server.record.billedTwice <= 10)
    }
  }

  @Test func `of several tables each partition is a shard, and a table without any is one`() async throws {
    try await Self.run(sources: "  - table: chat_messages\n") { scene in
      try await scene.database.insert((0..<12).map { "message of chat \($0)" })
      try await Self.exit(scene, ["plan", "job.yaml", "--shards", "partitions"], 0, "5 shards of 0 to 30 rows each")
      try await Self.exit(scene, ["run", "job.yaml", "--shard", "4"], 0)
      #expect(try await scene.database.count("embedding IS NULL") == 0)
      #expect(try await Self.lacking(scene) == ["m_1": 30, "m_2": 20, "m_3": 10])
      for shard in 0..<4 { try await Self.exit(scene, ["run", "job.yaml", "--shard", "\(shard)"], 0) }
      #expect(try await Self.lacking(scene).isEmpty)
      try await Self.exit(scene, ["finish", "job.yaml"], 0)
    }
  }

  @Test func `a plan that was not begun is replaced by one of partitions, and by one that has those that came`()
    async throws
  {
    try await Self.run { scene in
      try await Self.exit(scene, ["plan", "job.yaml", "--shards", "4"], 0, "4 shards of 15 rows each")
      try await Self.exit(scene, ["plan", "job.yaml", "--shards", "partitions"], 0, "public.m_3, 10 rows")
      try await Self.exit(scene, ["plan", "job.yaml", "--shards", "partitions"], 0, "is kept")
      try await scene.database.run(
        "CREATE TABLE m_4 PARTITION OF m FOR VALUES FROM ('2026-04-01') TO ('2026-05-01')")
      try await Self.exit(scene, ["plan", "job.yaml", "--shards", "partitions"], 0, "shard 3: public.m_4, 0 rows")
      let json = try await scene.start(["plan", "job.yaml", "--json"]).exit()
      #expect(json.output.contains(#""partition":"public.m_4""#), "\(json.output)")
    }
  }

  @Test func `where there are no partitions it is refused`() async throws {
    try await Scene.run(.postgres18) { scene in
      try await Self.exit(
        scene, ["plan", "job.yaml", "--shards", "partitions"], 78, "has partitions; cut it by the key")
      try await Self.exit(scene, ["plan", "job.yaml", "--shards", "parts"], 64, "--shards")
    }
  }
}
