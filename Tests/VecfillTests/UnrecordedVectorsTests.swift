import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// Columns with vectors of which nobody recorded what they are made of: a few are made again and compared, before
/// anything else is paid for (P4).
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct UnrecordedVectorsTests {
  static let filled = Set((1...12).map { TextDigest(of: World.text($0)) })

  static func run(
    _ storage: Storage, rules: [EmbeddingsServer.Rule] = [], _ body: (World) async throws -> Void
  ) async throws {
    let database = storage.isPostgres ? try await PostgresCluster.shared(.eighteen).freshDatabase() : nil
    try await Scene.run(.sqlite, .ofTwoModels, rules: rules) { scene in
      let world = World(
        scene: scene, storage: storage, database: database, place: database.map { ["DATABASE_URL": $0.url] } ?? [:])
      let type = ["vector(8)", "halfvec(8)", "VECTOR(8)", "BLOB"][Storage.allCases.firstIndex(of: storage) ?? 0]
      let texts = (1...20).map { number in
        let id = "00000000-0000-0000-0000-0000000000\(number + 10)"
        return "('\(id)', '\(World.text(number))')"
      }
      try await world.run(
        """
        CREATE TABLE m (id \(storage.isPostgres ? "uuid" : "text") NOT NULL PRIMARY KEY, content text, embedding \(type));
        INSERT INTO m (id, content) VALUES \(texts.joined(separator: ", "))
        """)
      try scene.write(source: "table: m")
      try await body(world)
    }
  }

  @Test(arguments: Storage.allCases)
  func `vectors of the job's model go on, and are recorded; others are refused with nothing written`(
    storage: Storage
  ) async throws {
    try await Self.run(storage) { world in
      // All of another model; and one alone, of the few that are compared.
      let others: [(Int) -> String] = [
        { "other: \(World.text($0))" }, { $0 == 1 ? "edited" : World.text($0) },
      ]
      for (number, text) in others.enumerated() {
        try await world.setVectors(of: text)
        let (seen, billed) = (world.scene.server.record.requests.count, world.scene.server.record.billedTokens)
        let exit = try await world.fill(at: "other\(number)")
        #expect(exit.code == 78, "\(exit.errors)")
        #expect(exit.errors.contains("it holds vectors that [model=text-embedding-3-small "), "\(exit.errors)")
        #expect(exit.errors.contains("of 5 that were made again, \(number == 0 ? 5 : 1) came out different"))
        let requests = world.requests(after: seen)
        #expect(requests.count == 1)
        #expect(requests.first?.digests.count == 5)
        #expect(requests.allSatisfy { Self.filled.isSuperset(of: $0.digests) })
        #expect(world.scene.server.record.billedTokens - billed == requests.first?.tokens)
        #expect(try await world.lacking() == 8)
      }

      try await world.setVectors { World.text($0) }
      let seen = world.scene.server.record.requests.count
      let exit = try await world.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      let requests = world.requests(after: seen)
      #expect(requests.count == 2)
      #expect(requests.first.map { $0.digests.count == 5 && Self.filled.isSuperset(of: $0.digests) } == true)
      #expect(requests.last.map { $0.digests.count == 8 && Self.filled.isDisjoint(with: $0.digests) } == true)
      #expect(try await world.lacking() == 0)
      #expect(exit.output.contains("rows written         8"), "\(exit.output)")
      for place in [nil, "elsewhere"] {
        let exit = try await world.fill(["--model", "other"], at: place)
        #expect(exit.refuses(), "\(exit.errors)")
      }
      #expect(world.requests(after: seen).count == 2)
    }
  }

  @Test func `texts that only look alike are compared each with its own vector`() async throws {
    try await Self.run(.json) { world in
      try await world.setVectors { World.text($0) }
      for (number, text) in ["é", "e\u{301}", "Å", "\u{212B}", "A\u{30A}"].enumerated() {
        let vector = world.storage.literal(EmbeddingsServer.vector(for: text, dimensions: 8))
        try await world.run("INSERT INTO m VALUES ('like \(number)', '\(text)', \(vector))")
      }
      let exit = try await world.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(Self.filled.isDisjoint(with: world.scene.server.record.requests[0].digests))
      #expect(try await world.lacking() == 0)
    }
  }

  @Test func `after a refusal the model that they are of goes on, in the same ledger`() async throws {
    try await Self.run(.json) { world in
      try await world.setVectors { "other: \(World.text($0))" }
      #expect(try await world.fill().code == 78)
      let exit = try await world.fill(["--model", "other"])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(!exit.errors.contains("filled anew"), "\(exit.errors)")
      #expect(try await world.fill().refuses("other", "text-embedding-3-small"))
    }
  }

  @Test func `a stop during the comparison, and a budget that has no room for it, leave all as it was`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Self.run(.json, rules: [.request(0, .hold(gate, then: .answer))]) { world in
      try await world.setVectors { World.text($0) }
      let catalogue = world.scene.folder.file("models.yaml")
      try Data(BudgetTests.catalogue(5).utf8).write(to: URL(fileURLWithPath: catalogue))
      let long = String(repeating: "y ", count: 1_000)
      try await world.run("UPDATE m SET content = content || '\(long)' WHERE embedding IS NOT NULL")
      let budget = try await world.fill(["--models", "models.yaml", "--budget", "0.0001"])
      #expect(budget.code == 82, "\(budget.errors)")
      #expect(world.scene.server.record.requests.isEmpty)
      try await world.run("UPDATE m SET content = replace(content, '\(long)', '')")

      let process = try world.scene.start(["run", "job.yaml"], world.place)
      try await world.scene.server.wait { $0.inFlight == 1 }
      process.send(SIGTERM)
      try await world.scene.poll("the stop") { process.errors.contains("stopping") }
      gate.open()
      #expect(await process.exit().code == 143)
      #expect(world.scene.server.record.requests.count == 1)
      #expect(try await world.lacking() == 8)
      #expect(try await world.fill().code == 0)
      #expect(try await world.lacking() == 0)
      #expect(try await world.scene.status()?.totals.possiblyPaid == 0)
    }
  }

  @Test(arguments: [Storage.vector, .json])
  func `with --adopt nothing is compared, and what they are taken for is recorded`(storage: Storage) async throws {
    try await Self.run(storage) { world in
      try await world.setVectors { "other: \(World.text($0))" }
      let exit = try await world.fill(["--adopt"])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(world.scene.server.record.requests.count == 1)
      #expect(Self.filled.isDisjoint(with: world.scene.server.record.requests[0].digests))
      let other = try await world.fill(["--model", "other", "--adopt"], at: "elsewhere")
      #expect(other.refuses(), "\(other.errors)")
      #expect(try await world.fill(at: "elsewhere").code == 0)
      #expect(world.scene.server.record.requests.count == 1)
    }
  }

  @Test(arguments: [Storage.vector, .blob])
  func `where no text can be compared, it says so and sends nothing`(storage: Storage) async throws {
    try await Self.run(storage) { world in
      try await world.setVectors { World.text($0) }
      // Blank, very long and missing ones.
      let long = String(repeating: "long ", count: 900)
      try await world.run(
        """
        UPDATE m SET content = CASE WHEN content LIKE 'message 1%' THEN ' ' WHEN content LIKE '% xx' THEN NULL
          ELSE '\(long)' END WHERE embedding IS NOT NULL
        """)
      let exit = try await world.fill()
      #expect(exit.code == 78, "\(exit.errors)")
      #expect(exit.errors.contains("could be compared") && exit.errors.contains("--adopt"), "\(exit.errors)")
      #expect(world.scene.server.record.requests.isEmpty)
      #expect(try await world.fill(["--adopt"]).code == 0)
      #expect(try await world.lacking() == 0)
    }
  }

  @Test func `vectors that are none are not taken for an empty column`() async throws {
    try await Self.run(.json) { world in
      try await world.setVectors { "other: \(World.text($0))" }
      // The 60 before them, of which one is whole.
      let rows = (10...69).map { number in
        "('00000000-0000-0000-0000-\(number)', 'broken \(number)', '[\(number == 10 ? "1,2,3,4,5,6,7,8" : "1,")]')"
      }
      try await world.run(
        "CREATE TABLE o AS SELECT * FROM m; DELETE FROM m; INSERT INTO m VALUES \(rows.joined(separator: ","));"
          + "INSERT INTO m SELECT * FROM o; UPDATE m SET content = '' WHERE content = 'broken 10'")
      let exit = try await world.fill()
      #expect(exit.code == 78, "\(exit.errors)")
      #expect(world.scene.server.record.requests.isEmpty)
    }
  }

  @Test(arguments: [Storage.vector, .json])
  func `killed during the comparison, it is made again, and what may have been paid is told`(
    storage: Storage
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Self.run(storage, rules: [.request(0, .hold(gate, then: .answer))]) { world in
      try await world.setVectors { World.text($0) }
      let process = try world.scene.start(["run", "job.yaml"], world.place)
      try await world.scene.server.wait { $0.inFlight == 1 }
      await KillTests.kill(process)
      gate.open()
      #expect(try await world.scene.status()?.totals.openRequests == 1)
      let exit = try await world.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await world.scene.status()?.totals.possiblyPaid == 1)
      #expect(try await world.scene.status()?.totals.spooledBatches == 0)
      #expect(world.scene.server.record.requests.count == 3)
      #expect(try await world.lacking() == 0)
    }
  }

  @Test func `killed after the reply, what was compared proves nothing`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Self.run(.vector, rules: [.request(0, .hold(gate, then: .answer))]) { world in
      try await world.setVectors { World.text($0) }
      let database = try #require(world.database)
      let process = try world.scene.start(["run", "job.yaml"], world.place)
      try await world.scene.server.wait { $0.inFlight == 1 }
      // Keeps the record from being made for the five seconds that it is waited for.
      let hold = try Hold("CREATE TABLE vecfill_column (id int)", on: database.url)
      gate.open()
      try await world.scene.poll("the record") {
        try await database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "1"
      }
      await KillTests.kill(process)
      #expect(world.scene.server.record.requests.count == 1)
      hold.release()
      try await world.setVectors { "other: \(World.text($0))" }
      let refused = try await world.fill()
      #expect(refused.code == 78, "\(refused.errors)")
      #expect(try await world.lacking() == 8)
      try await world.setVectors { World.text($0) }
      let exit = try await world.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await world.lacking() == 0)
      #expect(try await world.scene.status()?.totals.possiblyPaid == 0)
      #expect(try await world.scene.status()?.totals.spooledBatches == 0)
      #expect(world.scene.server.record.requests.map(\.digests.count) == [5, 5, 5, 8])
    }
  }

  /// The state between a reply's coming into the ledger and its being settled, which lasts too short for a kill.
  @Test func `a comparison that is in the spool yet is nothing to be written`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Self.run(.vector, rules: [.request(0, .hold(gate, then: .answer))]) { world in
      try await world.setVectors { World.text($0) }
      let process = try world.scene.start(["run", "job.yaml"], world.place)
      try await world.scene.server.wait { $0.inFlight == 1 }
      await KillTests.kill(process)
      gate.open()
      let ledger = try Ledger.open(at: world.scene.ledgerPath)
      let text = World.text(1)
      let contents = Batch.Contents(inputs: [Input(texts: [text], tokens: [9], isExact: true)], rows: [])
      let batch = Batch(id: BatchID(run: 1, number: 1), source: 0, page: 0, purpose: .comparison, contents: contents)
      let vector = EmbeddingsServer.vector(for: text, dimensions: 8)
      let reply = EmbeddingReply(vectors: Vectors(dimensions: 8, values: vector), billedTokens: 9)
      try await ledger.received(reply, to: batch, target: 1, cost: nil, at: Date())
      #expect(try await world.scene.status()?.totals.spooledBatches == 1)
      let exit = try await world.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await world.scene.status()?.totals.spooledBatches == 0)
      #expect(try await world.lacking() == 0)
    }
  }

  struct Fault {
    let name: String
    let rule: EmbeddingsServer.Rule
    /// The requests until all rows have a vector.
    let requests: [Int]
  }

  static let faults = [
    Fault(
      name: "500 twice", rule: .first(2, .respond(.error(500, type: "server_error"))), requests: [5, 5, 5, 8]),
    Fault(
      name: "429", rule: .first(1, .respond(.error(429, type: "requests", headers: [("Retry-After", "0")]))),
      requests: [5, 5, 8]),
    Fault(name: "a lost reply", rule: .first(1, .resetAfterProcessing), requests: [5, 5, 8]),
    Fault(
      name: "a refused text", rule: .poison(where: { $0 == World.text(2) }, namingIndex: true),
      requests: [5, 1, 1, 1, 3, 8]),
    Fault(name: "a flawed vector", rule: .vectors(of: "message 3 ", .notANumber), requests: [5, 8]),
  ]

  @Test(arguments: 0..<faults.count)
  func `a provider that fails the comparison changes nothing of what it says`(number: Int) async throws {
    let fault = Self.faults[number]
    for isOther in [false, true] {
      try await Self.run(.json, rules: [fault.rule]) { world in
        try await world.setVectors { (isOther ? "other: " : "") + World.text($0) }
        let exit = try await world.fill()
        #expect(exit.code == (isOther ? 78 : 0), "\(fault.name): \(exit.errors)")
        #expect(try await world.lacking() == (isOther ? 8 : 0))
        let counts = world.scene.server.record.requests.map(\.digests.count)
        #expect(isOther ? !counts.contains(8) : counts.sorted() == fault.requests.sorted(), "\(fault.name): \(counts)")
        // No row that has a vector goes into quarantine.
        #expect(try await world.scene.start(["quarantine", "list"]).exit().output.contains("m 0") == false)
        #expect(try await world.scene.status()?.totals.spooledBatches == 0)
      }
    }
  }

  @Test func `where every text is refused, it says that none could be compared`() async throws {
    try await Self.run(.json, rules: [.poison(where: { !$0.contains("vecfill") })]) { world in
      try await world.setVectors { World.text($0) }
      let exit = try await world.fill()
      #expect(exit.code == 78, "\(exit.errors)")
      #expect(exit.errors.contains("could be compared"), "\(exit.errors)")
      #expect(try await world.lacking() == 8)
      let sent = world.scene.server.record.requests.flatMap(\.digests)
      #expect(Self.filled.union([TextDigest(of: "vecfill")]).isSuperset(of: sent))
    }
  }
}
