import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// A job that is another one than when it ran last: what would mix is refused, and what mixes nothing goes on.
@Suite struct ChangedJobTests {
  /// Runs `body` in a scene whose job fills a table `m` with two keys and two texts.
  static func run(
    _ rules: [EmbeddingsServer.Rule] = [], rows: Int = 40, _ body: (Scene) async throws -> Void
  ) async throws {
    try await Scene.run(.sqlite, .ofTwoModels, rules: rules) { scene in
      try await scene.database.run(
        """
        CREATE TABLE m (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, content TEXT, title TEXT, embedding VECTOR(8))
        """)
      try await insert(1...rows, into: scene)
      try scene.write(source: "table: m")
      try await body(scene)
    }
  }

  static func insert(_ numbers: ClosedRange<Int>, into scene: Scene) async throws {
    let values = numbers.map { "(\($0), 'u\(100 - $0)', 'message \($0)', 'title \($0)')" }
    try await scene.database.run("INSERT INTO m (id, uid, content, title) VALUES \(values.joined(separator: ","))")
  }

  /// The rows that lack the vector that the model makes of their text.
  static func wrong(_ scene: Scene, model prefix: String = "", text: String = "content") async throws -> [String] {
    try await scene.database.rows("SELECT \(text), CAST(embedding AS text) FROM m").compactMap { row in
      let vector = try JSONDecoder().decode([Float].self, from: Data((row[1] ?? "[]").utf8))
      let right = EmbeddingsServer.vector(for: prefix + (row[0] ?? ""), dimensions: 8)
      return vector.count == 8 && vector.cosine(to: right) > 0.9999 ? nil : row[0]
    }
  }

  /// Runs the job until it has paid for rows that it can't write, and kills it.
  static func leaveSpool(in scene: Scene) async throws {
    let hold = try Hold(writesTo: scene.folder.file("chat.db"))
    let process = try scene.start(["run", "job.yaml"])
    try await scene.wait { $0.totals.spooledBatches >= 3 }
    await KillTests.kill(process)
    hold.release()
  }

  @Test func `an emptied column is free for another model, and what the former one left is never written`() async throws
  {
    try await Self.run(rows: 10) { scene in
      #expect(try await scene.fill().code == 0)
      try await Self.insert(11...50, into: scene)
      try await Self.leaveSpool(in: scene)
      let refused = try await scene.fillByOther()
      #expect(refused.refuses(), "\(refused.errors)")
      try await scene.database.run("UPDATE m SET embedding = NULL")
      let exit = try await scene.fillByOther()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.errors.contains("m.embedding is filled anew with [model=other "), "\(exit.errors)")
      #expect(exit.errors.contains("vectors that were paid for and not written are dropped"), "\(exit.errors)")
      #expect(try await Self.wrong(scene, model: "other: ") == [])
      #expect(try await scene.status()?.totals.spooledBatches == 0)
      // And back again, which is refused while one vector of the other is left.
      try await scene.database.run("UPDATE m SET embedding = NULL WHERE id > 1")
      let requests = scene.server.record.requests.count
      #expect(try await scene.fill().refuses("other", "text-embedding-3-small"))
      #expect(scene.server.record.requests.count == requests)
      try await scene.database.run("UPDATE m SET embedding = NULL")
      #expect(try await scene.fill().code == 0)
      #expect(try await Self.wrong(scene) == [])
    }
  }

  @Test func `rows of the former model in quarantine are asked for again`() async throws {
    try await Self.run([.poison(where: { $0 == "message 7" }).times(20)], rows: 8) { scene in
      #expect(try await scene.fill().code == 83)
      try await scene.database.run("UPDATE m SET embedding = NULL")
      scene.server.add(.always(.answer))
      #expect(try await scene.fillByOther().code == 0)
      #expect(try await Self.wrong(scene, model: "other: ") == [])
      let list = try await scene.start(["quarantine", "list"]).exit()
      #expect(!list.output.contains("m 7"), "\(list.output)")
    }
  }

  @Test func `another text is refused with both`() async throws {
    try await Self.run { scene in
      #expect(try await scene.fill().code == 0)
      let requests = scene.server.record.requests.count
      try scene.write(source: "table: m\n    text: title")
      for place in [[:], scene.elsewhere("place")] {
        let exit = try await scene.fill([], place)
        #expect(exit.code == 78, "\(exit.errors)")
        #expect(exit.errors.contains("[text=content]") && exit.errors.contains("[text=title]"), "\(exit.errors)")
      }
      #expect(scene.server.record.requests.count == requests)
      try await scene.database.run("UPDATE m SET embedding = NULL")
      #expect(try await scene.fill().code == 0)
      #expect(try await Self.wrong(scene, text: "title") == [])
    }
  }

  @Test func `another key is noticed, and what waits by the former one is not lost`() async throws {
    try await Self.run { scene in
      // Recorded, so that a run may begin while the file is held.
      try scene.write(source: "table: m\n    where: id < 0")
      #expect(try await scene.fill().code == 0)
      try scene.write(source: "table: m")
      try await Self.leaveSpool(in: scene)
      try scene.write(source: "table: m\n    key: uid")
      let refused = try await scene.fill()
      #expect(refused.code == 78, "\(refused.errors)")
      #expect(refused.errors.contains("vectors of it by the key (id), and the job's is (uid)"), "\(refused.errors)")
      try scene.write(source: "table: m")
      #expect(try await scene.fill().code == 0)
      #expect(scene.server.record.billedTwice <= 4 * 10)

      try await Self.insert(41...60, into: scene)
      try scene.write(source: "table: m\n    key: uid")
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.errors.contains("its key was (id) and is (uid)"), "\(exit.errors)")
      #expect(try await Self.wrong(scene) == [])
    }
  }

  @Test(arguments: [SIGTERM, SIGKILL])
  func `a condition and a key that change midway are noticed, and no row is lost`(signal: Int32) async throws {
    for (source, notice) in [
      (
        "table: m\n    where: id > 2",
        "m.embedding is read from its beginning: the job's `where` or `since` has changed"
      ),
      ("table: m\n    key: uid", "m.embedding is read from its beginning: its key was (id) and is (uid)"),
    ] {
      let gate = EmbeddingsServer.Gate()
      try await Self.run([.requests(2..<100, .hold(gate, then: .answer))], rows: 60) { scene in
        try scene.write(source: "table: m\n    where: id > 20")
        if source.contains("key") { try scene.write(source: "table: m") }
        let process = try scene.start(["run", "job.yaml", "--grace", "0"])
        // What was answered is written, so that nothing waits by the former key.
        try await scene.wait { $0.totals.openRequests == 4 || $0.totals.openRequests == 2 }
        try await scene.poll("the rows") { try await scene.database.count("embedding IS NOT NULL", in: "m") == 20 }
        try await scene.wait { $0.totals.spooledBatches == 0 }
        process.send(signal)
        _ = await process.exit()
        gate.open()
        try scene.write(source: source)
        let exit = try await scene.fill()
        #expect(exit.code == 0, "\(exit.errors)")
        #expect(exit.errors.contains(notice), "\(exit.errors)")
        try await scene.database.run("DELETE FROM m WHERE id <= 2")
        #expect(try await Self.wrong(scene) == [])
        #expect(try await scene.status()?.totals.spooledBatches == 0)
        // Only once.
        #expect(try await scene.fill().errors.contains("read from its beginning") == false)
      }
    }
  }

  @Test(.enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)"))
  func `quarantine may become truncate, which fills the long rows, and not the other way round`() async throws {
    try await TooLongTests.run("quarantine") { scene in
      #expect(try await TooLongTests.fill(scene).code == 83)
      let short = scene.server.record.billed.count
      try scene.write(spec: scene.spec + "\ntoo_long: truncate\n")
      let exit = try await TooLongTests.fill(scene)
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.errors.contains("texts that are too long for the model are now made to fit: truncate"))
      #expect(try await scene.database.count("embedding IS NULL") == 0)
      // What has its vector is not paid again.
      #expect(scene.server.record.billed.count == short + 10)
      #expect(scene.server.record.billedTwice == 0)
      for rule in ["quarantine", "average"] {
        try scene.write(spec: scene.spec + "\ntoo_long: \(rule)\n")
        for place in [[:], scene.elsewhere("place")] {
          let environment = ["VECFILL_DATA_DIR": EstimateCommandTests.folder].merging(place) { $1 }
          let exit = try await scene.fill(["--models", "models.yaml"], environment)
          #expect(exit.code == 78, "\(exit.errors)")
          #expect(exit.errors.contains("too_long=truncate]") && exit.errors.contains("too_long=\(rule)]"))
        }
      }
    }
  }
}
