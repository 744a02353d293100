import Backfill
import Foundation
import TestSupport
import Testing

/// Two tables that an application writes to while they are filled, by a provider that takes 200 ms a request.
@Suite struct LiveTableTests {
  static let tables = ["talk", "notes"]
  static var provider: EmbeddingsServer.Options {
    var options = EmbeddingsServer.Options()
    options.latency = .between(0.2...0.2)
    return options
  }

  static func run(
    _ engine: ChatDatabase.Engine, uuids: Bool = false, rows: Int = 200, _ body: (Scene) async throws -> Void
  ) async throws {
    try await Scene.run(engine, provider) { scene in
      let key =
        switch (engine, uuids) {
        case (.sqlite, false): "INTEGER PRIMARY KEY"
        case (.sqlite, true): "TEXT NOT NULL PRIMARY KEY DEFAULT (lower(hex(randomblob(16))))"
        case (_, false): "bigserial PRIMARY KEY"
        case (_, true): "uuid PRIMARY KEY DEFAULT gen_random_uuid()"
        }
      for table in tables {
        try await scene.database.run("CREATE TABLE \(table) (id \(key), content text NOT NULL, embedding VECTOR(8))")
        try await scene.database.run(Self.insert((0..<rows).map { "\(table) old \($0)" }, into: table))
      }
      let sources = tables.map { "  - table: \($0)\n" }.joined()
      try scene.write(
        spec: """
          sources:
          \(sources)model: text-embedding-3-small
          dimensions: 8
          batch_size: 10
          concurrency: 2
          limits:
            requests_per_minute: 1000000
            tokens_per_minute: 1000000000
          """)
      try await body(scene)
    }
  }

  static func insert(_ texts: [String], into table: String) -> String {
    "INSERT INTO \(table) (content) VALUES \(texts.map { "('\($0)')" }.joined(separator: ","));"
  }

  /// The texts by the digests that the server has of them.
  static func texts(of scene: Scene) async throws -> [TextDigest: (table: String, text: String)] {
    var texts: [TextDigest: (String, String)] = [:]
    for table in tables {
      for row in try await scene.database.rows("SELECT content FROM \(table)") {
        let text = row[0] ?? ""
        texts[TextDigest(of: text)] = (table, text)
      }
    }
    return texts
  }

  static func missing(_ scene: Scene, like pattern: String = "%") async throws -> Int {
    var count = 0
    for table in tables {
      count += try await scene.database.count("embedding IS NULL AND content LIKE '\(pattern)'", in: table)
    }
    return count
  }

  static func missingTexts(_ scene: Scene) async throws -> [String] {
    var texts: [String] = []
    for table in tables {
      texts += try await scene.database.rows("SELECT content FROM \(table) WHERE embedding IS NULL").compactMap {
        $0[0]
      }
    }
    return texts
  }

  static func summary(_ exit: VecfillProcess.Exit) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(exit.output.utf8)) as? [String: Any] ?? [:]
  }

  /// Runs vecfill while `work` is done 25 times a second, from the moment that both tables are being filled on; `work` is
  /// told how often it was done before.
  static func fill(
    _ scene: Scene, while work: @escaping @Sendable (Int) async throws -> Void
  ) async throws -> VecfillProcess.Exit {
    let process = try scene.start(["run", "job.yaml", "--log-format", "json"])
    try await scene.server.wait { $0.requests.count >= 6 }
    let isOver = Locked(false)
    let application = Task {
      let clock = ContinuousClock()
      let began = clock.now
      var round = 0
      while !isOver.withLock(\.self) {
        try await work(round)
        round += 1
        try await clock.sleep(until: began + .milliseconds(40) * round)
      }
    }
    try await scene.poll("the end of the run") { !process.isRunning }
    isOver.withLock { $0 = true }
    try await application.value
    return await process.exit()
  }

  /// Both tables in turns from the start, and requests that are full but for the last of a sweep.
  static func checkRequests(_ scene: Scene, _ name: String) async throws {
    let texts = try await texts(of: scene)
    let requests = scene.server.record.requests.filter { !$0.digests.isEmpty }
    let order = requests.map { texts[$0.digests[0]]?.table ?? "" }
    #expect(Set(order.prefix(4)) == Set(tables), "\(order)")
    for table in tables { #expect(order.prefix(20).count { $0 == table } >= 8, "\(order)") }
    let short = requests.filter { $0.digests.count < 10 }.count
    let mean = Double(requests.reduce(0) { $0 + $1.digests.count }) / Double(requests.count)
    print("figure: \(name): \(requests.count) requests, \(short) not full, mean \(mean.fixedTo2) of 10 texts")
    // The last of each sweep of each source.
    #expect(short <= 4)
    #expect(mean >= 8)
  }

  struct Flow: Sendable, CustomTestStringConvertible {
    let engine: ChatDatabase.Engine
    let perSecond: Int
    let uuids: Bool
    var testDescription: String { "\(engine), \(perSecond)/s\(uuids ? ", UUID" : "")" }
  }

  static let flows =
    [ChatDatabase.Engine.postgres18, .sqlite].flatMap { engine in
      [(25, false), (100, false), (100, true)].map { Flow(engine: engine, perSecond: $0.0, uuids: $0.1) }
    } + [Flow(engine: .postgres16, perSecond: 100, uuids: false)]

  @Test(arguments: flows)
  func `a run ends though rows arrive all the time, and tells how many it leaves to the next`(flow: Flow) async throws {
    try await Self.run(flow.engine, uuids: flow.uuids, rows: 120) { scene in
      /// For each row that arrived, how many requests the server had seen before it was there, and when it was.
      let seen = Locked<[String: Int]>([:])
      let there = Locked<[String: Int]>([:])
      let exit = try await Self.fill(scene) { round in
        let requests = scene.server.record.requests.count
        for (index, table) in Self.tables.enumerated() where flow.perSecond > 25 || round % 2 == index {
          let fresh = (0..<(flow.perSecond > 25 ? 2 : 1)).map { "\(table) fresh \(round) \($0)" }
          try await scene.database.run(Self.insert(fresh, into: table))
          seen.withLock { seen in for text in fresh { seen[text] = requests } }
          let more = scene.server.record.requests.count
          there.withLock { there in for text in fresh { there[text] = more } }
        }
      }
      let arrived = seen.withLock(\.count)
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await Self.missing(scene, like: "% old %") == 0)
      let left = try await Self.missing(scene)
      let summary = try Self.summary(exit)
      let told = try #require(summary["rows_arrived"] as? Int)
      let seconds = summary["seconds"] as? Double ?? 0
      print("figure: \(flow.testDescription): \(arrived) arrived in \(seconds.fixedTo2) s, \(told) told, \(left) left")
      #expect(told > 0)
      // What was there before the last request is told; what arrived between the count and the process's end can't be.
      let last = scene.server.record.requests.count
      let early = try await Self.missingTexts(scene).count { there.withLock(\.self)[$0].map { $0 < last } ?? true }
      #expect(early > 0)
      #expect((early...left).contains(told), "\(early) of \(left) were there before the last request")
      try await Self.checkRequests(scene, flow.testDescription)
      if !flow.uuids { try await Self.checkSweeps(scene, seen.withLock(\.self)) }

      #expect(try await scene.fill().code == 0)
      #expect(try await Self.missing(scene) == 0)
      #expect(scene.server.record.billedTwice == 0)
    }
  }

  /// Rows that arrived once the second sweep had begun are left alone: there is no third one.
  static func checkSweeps(_ scene: Scene, _ seen: [String: Int]) async throws {
    let texts = try await texts(of: scene)
    for table in tables {
      let requests = scene.server.record.requests.map {
        $0.digests.compactMap { texts[$0] }.filter { $0.table == table }
      }
      let first = try #require(requests.firstIndex { $0.contains { seen[$0.text] != nil } })
      let late = requests.joined().count { (seen[$0.text] ?? 0) > first + 1 }
      #expect(late == 0, "\(table)")
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `edits, deletes, rows behind the cursor and an application that fills its own rows lose nothing`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Self.run(engine) { scene in
      let half = (0..<8).map { _ in "0.5" }.joined(separator: ",")
      let own = engine == .sqlite ? "x'\(String(repeating: "0000003f", count: 8))'" : "'[\(half)]'"
      let exit = try await Self.fill(scene) { round in
        var script = ""
        for table in Self.tables {
          script += """
            DELETE FROM \(table) WHERE content = '\(table) old \(199 - round)';
            UPDATE \(table) SET content = '\(table) edited \(round)', embedding = NULL
              WHERE content = '\(table) old \(round)';
            INSERT INTO \(table) (id, content) VALUES (\(-1 - round), '\(table) behind \(round)');
            INSERT INTO \(table) (content, embedding) VALUES ('\(table) own \(round)', \(own));
            UPDATE \(table) SET content = '\(table) own old \(round)', embedding = \(own)
              WHERE content = '\(table) old \(100 + round)';

            """
        }
        try await scene.database.run(script)
      }
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await Self.missing(scene, like: "% old %") == 0)
      #expect(try await scene.fill().code == 0)
      #expect(try await Self.missing(scene) == 0)
      #expect(try Self.summary(exit)["rows_quarantined"] as? Int == 0)
      for table in Self.tables {
        for row in try await scene.database.rows("SELECT content, CAST(embedding AS text) FROM \(table)") {
          let text = row[0] ?? ""
          guard engine != .sqlite, !text.contains(" own ") else { continue }
          let right = EmbeddingsServer.vector(for: text, dimensions: 8)
          let vector = (row[1] ?? "").split { "[],".contains($0) }.compactMap { Float($0) }
          #expect(zip(vector, right).allSatisfy { abs($0 - $1) < 1e-5 }, "\(text)")
        }
      }
    }
  }
}

extension Double {
  fileprivate var fixedTo2: String { String(format: "%.2f", self) }
}
