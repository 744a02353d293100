import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// `spool: database`: what it does with what others left there, and what it refuses.
@Suite(.enabled(if: Helper.postgres.isUsable, "PostgreSQL is not installed")) struct DatabaseSpoolTests {
  static let texts = (0..<40).map { "message \($0)" }

  @Test func `a damaged reply is not written and is told, and the others are`() async throws {
    try await SpoolScene.run(.postgres16) { spool in
      let scene = spool.scene
      try await scene.database.insert(Self.texts)
      try await spool.dieBeforeTheRows(replies: 4)
      try await scene.database.run(
        """
        UPDATE vecfill_spool SET vectors = set_byte(vectors, 5, get_byte(vectors, 5) # 1) WHERE number = 1;
        UPDATE vecfill_spool SET contents = convert_to(replace(convert_from(contents, 'UTF8'), '"i":0', '"i":1'), 'UTF8')
        WHERE number = 2;
        """)
      try spool.loseLedger()
      let exit = try await spool.complete()
      #expect(exit.errors.contains("vectors of 20 rows of chat_messages.embedding that are damaged"), "\(exit.errors)")
      #expect(scene.server.record.billedTwice == 20)
    }
  }

  @Test func `replies of another way to prepare a text are not written, and are told`() async throws {
    try await SpoolScene.run(.postgres18) { spool in
      let scene = spool.scene
      try await scene.database.insert(Self.texts)
      try await spool.dieBeforeTheRows(replies: 4)
      try scene.write(spec: scene.spec.replacing("newlines: space", with: "newlines: keep") + "\nspool: database\n")
      try spool.loseLedger()
      let exit = try await spool.complete()
      #expect(
        exit.errors.contains("vectors of 40 rows of chat_messages.embedding made with [newlines=space]"),
        "\(exit.errors)")
      #expect(scene.server.record.billedTwice == 40)
    }
  }

  @Test func `replies by another key are refused, and stay`() async throws {
    try await SpoolScene.run(.postgres16) { spool in
      let scene = spool.scene
      try await scene.database.run(
        "ALTER TABLE chat_messages ADD COLUMN name uuid NOT NULL UNIQUE DEFAULT gen_random_uuid()")
      try await scene.database.insert(Self.texts)
      try await spool.dieBeforeTheRows(replies: 4)
      let spec = scene.spec.replacing("table: chat_messages\n", with: "table: chat_messages\n    key: name\n")
      try scene.write(spec: spec + "\nspool: database\n")
      try spool.loseLedger()
      let exit = try await scene.fill()
      #expect(exit.code == 78 && exit.errors.contains("vectors of it by the key (id), and the job's is (name)"))
      #expect(try await spool.held() == 4)
    }
  }

  /// What is done to the table during a run, and what undoes it; R is the run's role.
  struct Fault: Sendable {
    let harm: String
    let mend: String
    let code: Int32

    static let all = [
      Fault(harm: "DROP TABLE vecfill_spool", mend: "", code: 78),
      Fault(
        harm: "REVOKE INSERT ON vecfill_spool FROM R", mend: "GRANT INSERT ON vecfill_spool TO R", code: 77),
      Fault(
        harm: "ALTER TABLE vecfill_spool ADD CONSTRAINT none CHECK (rows < 0) NOT VALID",
        mend: "ALTER TABLE vecfill_spool DROP CONSTRAINT none", code: 65),
    ]
  }

  @Test(arguments: Fault.all)
  func `where the table fails, requests in flight are awaited, the ledger has their replies, and the run ends`(
    fault: Fault
  ) async throws {
    let (first, others) = (EmbeddingsServer.Gate(), EmbeddingsServer.Gate())
    try await SpoolScene.run(
      .postgres16,
      rules: [.requests(0..<1, .hold(first, then: .answer)), .requests(1..<4, .hold(others, then: .answer))]
    ) { spool in
      var scene = spool.scene
      let role = "spooler_\(UUID().uuidString.prefix(8).lowercased())"
      // Another role owns the table of replies, so that a right to it can be taken away.
      try await scene.database.run("CREATE ROLE \(role) LOGIN")
      #expect(try await scene.fill().code == 0)
      try await scene.database.run(
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO \(role); GRANT ALL ON SCHEMA public TO \(role)")
      scene.changes = ["DATABASE_URL": scene.database.url.replacing("postgres@", with: "\(role)@")]
      try await scene.database.insert(Self.texts + Self.texts.map { "\($0) more" })
      let process = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.inFlight == 4 }
      try await scene.database.run(fault.harm.replacing("FROM R", with: "FROM \(role)"))
      first.open()
      try await scene.wait { $0.totals.openRequests == 3 }
      others.open()
      let exit = await process.exit()
      #expect(exit.code == fault.code, "\(exit.errors)")
      let line = exit.errors.split(separator: "\n").last ?? ""
      #expect(line.contains("public.vecfill_spool: ") && line.contains("what was received is in the ledger"), "\(line)")
      #expect(!line.contains("postgresql://"), "\(line)")
      let totals = try #require(try await scene.status()?.totals)
      #expect(totals.openRequests == 0 && totals.requests == 4 && totals.possiblyPaid == 0)
      #expect(scene.server.record.requests.count == 4, "nothing more is asked for")
      try await scene.database.run(fault.mend.replacing("TO R", with: "TO \(role)"))
      // A table that the role itself makes anew would not be trusted.
      _ = try await (fault.mend.isEmpty ? spool : SpoolScene(scene: scene)).complete()
      #expect(scene.server.record.requests.count == 8 && scene.server.record.billedTwice == 0)
    }
  }

  @Test func `where nothing can be removed from the table, the rows are written and the run ends with that`()
    async throws
  {
    try await SpoolScene.run(.postgres16) { spool in
      let scene = spool.scene
      try await scene.database.insert(Array(Self.texts.prefix(10)))
      let rows = try await KillTests.holdRows(of: scene, .postgres16)
      let process = try scene.start(["run", "job.yaml"])
      try await scene.poll("the reply") { try await spool.held() == 1 }
      try await scene.database.run(
        """
        CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''it stays''; END';
        CREATE TRIGGER stays BEFORE DELETE ON vecfill_spool FOR EACH ROW EXECUTE FUNCTION stays();
        """)
      rows.release()
      let exit = await process.exit()
      #expect(exit.code == 65 && exit.errors.contains("public.vecfill_spool: "), "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(try await spool.held() == 1)
      try await scene.database.run("DROP TRIGGER stays ON vecfill_spool")
      // Without it the catalogue says that the table may have triggers, and such a one is not trusted.
      try await scene.database.run("VACUUM vecfill_spool")
      _ = try await spool.complete()
      #expect(scene.server.record.requests.count == 1)
    }
  }

  @Test func `pieces that were received are not asked for again on another disk`() async throws {
    try await ChunkTests.run(.postgres16) { scene in
      let spool = SpoolScene(scene: scene)
      try scene.write(spec: ChunkTests.spec() + "\nspool: database\n")
      try await scene.database.insert((0..<3).map { ChunkTests.book(bytes: 2_000, "book \($0)") })
      let rows = try await KillTests.holdRows(of: scene, .postgres16)
      let process = try scene.start(["run", "job.yaml"])
      try await scene.wait {
        $0.totals.openRequests == 0 && $0.totals.spooledBatches >= 2
          && $0.totals.spooledBatches == scene.server.record.requests.count
      }
      try await spool.kill(process)
      rows.release()
      try spool.loseLedger()
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await ChunkTests.flaws(scene) == [])
      #expect(scene.server.record.billedTwice == 0)
      #expect(try await spool.held() == 0)
    }
  }

  @Test func `an estimate on another disk knows what is paid, but for rows that were edited, and changes nothing`()
    async throws
  {
    try await SpoolScene.run(.postgres16) { spool in
      let scene = spool.scene
      try await scene.database.insert(Self.texts)
      try await spool.dieBeforeTheRows(replies: 4)
      try spool.loseLedger()
      try await scene.database.insert((0..<7).map { "later \($0)" })
      try await scene.database.run("UPDATE chat_messages SET content = 'edited' WHERE content = 'message 3'")
      let estimate = try await scene.start(["estimate", "job.yaml", "--json"]).exit()
      #expect(estimate.code == 0, "\(estimate.errors)")
      #expect(estimate.output.contains(#""spooled":39"#), "\(estimate.output)")
      #expect(try await spool.held() == 4 && !FileManager.default.fileExists(atPath: scene.ledgerPath))
      let all = scene.spec + "\nspool: ledger\n"
      try scene.write(spec: all)
      let ledger = try await scene.start(["estimate", "job.yaml", "--json"]).exit()
      #expect(ledger.output.contains(#""spooled":0"#), "\(ledger.output)")
    }
  }

  @Test func `equal texts that were paid once are written to all their rows on another disk`() async throws {
    try await SpoolScene.run(.postgres18, extra: "duplicates: table\n") { spool in
      let scene = spool.scene
      try await scene.database.insert(Self.texts.map { "\($0.prefix(9))" })
      #expect(Set(Self.texts.map { $0.prefix(9) }).count == 10)
      try await spool.dieBeforeTheRows(replies: 1)
      try spool.loseLedger()
      _ = try await spool.complete()
      #expect(scene.server.record.requests.count == 1)
      // What is known of the texts came along: a later row gets the vector of another row.
      try await scene.database.insert(["message 1"])
      _ = try await spool.complete()
      #expect(scene.server.record.requests.count == 1)
    }
  }

  @Test func `status tells what waits in the database, and forget drops it only where that is wanted`() async throws {
    try await SpoolScene.run(.postgres16) { spool in
      let scene = spool.scene
      try await scene.database.insert(Self.texts)
      try await spool.dieBeforeTheRows(replies: 4)
      let status = try await scene.start(["status", "job.yaml"]).exit()
      #expect(status.output.contains("4 replies for 40 rows"), "\(status.output)\(status.errors)")
      let json = try await scene.start(["status", "job.yaml", "--json"]).exit()
      #expect(json.output.contains(#""database_spool":{"#) && json.output.contains(#""replies":4"#), "\(json.output)")
      let elsewhere = try await scene.start(["status", "job.yaml"], ShardTests.machine("laptop", of: scene)).exit()
      #expect(
        elsewhere.output.hasPrefix("job: no run of it is in this ledger\n")
          && elsewhere.output.contains("4 replies for 40 rows"), "\(elsewhere.output)\(elsewhere.errors)")
      let away = try await scene.start(["status", "job.yaml"], ["DATABASE_URL": "postgresql://127.0.0.1:1/none"]).exit()
      #expect(away.code == 0 && away.output.contains("in the database"), "\(away.output)\(away.errors)")
      try spool.loseLedger()
      let refused = try await ForgetTests.forget(scene)
      #expect(refused.code == 64 && refused.errors.contains("40 vectors of chat_messages.embedding are paid for"))
      #expect(try await spool.held() == 4)
      let forgotten = try await ForgetTests.forget(scene, ["--yes"])
      #expect(forgotten.output.contains("40 vectors that were paid for are lost"), "\(forgotten.errors)")
      #expect(try await spool.held() == 0)
    }
  }

  @Test(arguments: [(ChatDatabase.Engine.sqlite, [String]()), (.postgres16, ["--batch"])])
  func `where it can't be kept it is refused before anything is asked`(
    engine: ChatDatabase.Engine, arguments: [String]
  ) async throws {
    try await SpoolScene.run(engine) { spool in
      try await spool.scene.database.insert(["message"])
      let exit = try await spool.scene.fill(arguments)
      #expect(exit.code == 78 && exit.errors.contains("spool: database: "), "\(exit.errors)")
      #expect(spool.scene.server.record.requests.isEmpty)
    }
  }
}
