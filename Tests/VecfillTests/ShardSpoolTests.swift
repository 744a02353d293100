import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// What was received by shards and by runs of the whole is paid once, whoever comes next.
@Suite(.enabled(if: Helper.postgres.isUsable, "PostgreSQL is not installed")) struct ShardSpoolTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let place: SpoolPlace
    var losesDisk = false
    var testDescription: String { "\(place.rawValue)\(losesDisk ? ", the disk is lost" : "")" }

    static let all = [Case(place: .ledger), Case(place: .database), Case(place: .database, losesDisk: true)]
  }

  /// Forty rows in two shards.
  private static func run(_ place: SpoolPlace, _ body: (SpoolScene) async throws -> Void) async throws {
    try await Scene.run(.postgres18) { scene in
      try scene.write(spec: scene.spec + "\nspool: \(place.rawValue)\n")
      try await scene.database.insert((0..<40).map { "message \($0)" })
      #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0)
      try await body(SpoolScene(scene: scene))
    }
  }

  /// Starts a run that receives so many replies while no row can be written, and kills it.
  private static func die(_ spool: SpoolScene, _ arguments: [String] = [], replies: Int) async throws {
    let scene = spool.scene
    let asked = scene.server.record.requests.count
    let rows = try await KillTests.holdRows(of: scene, .postgres18)
    let process = try scene.start(["run", "job.yaml"] + arguments)
    try await scene.server.wait { $0.requests.count == asked + replies }
    try await scene.wait { $0.totals.spooledBatches == replies && $0.totals.openRequests == 0 }
    try await spool.kill(process)
    rows.release()
    #expect(try await scene.database.count("embedding IS NOT NULL") == 0)
  }

  @Test(arguments: Case.all, [[0], [0, 1]])
  func `a run of the whole writes what shards had received`(left: Case, shards: [Int]) async throws {
    try await Self.run(left.place) { spool in
      let scene = spool.scene
      for shard in shards { try await Self.die(spool, ["--shard", "\(shard)"], replies: 2) }
      #expect(scene.server.record.requests.count == 2 * shards.count)
      if left.losesDisk { try spool.loseLedger() }
      let exit = try await spool.complete()
      #expect(exit.output.contains("\(20 * shards.count) from the spool"), "\(exit.output)\(exit.errors)")
      #expect(!exit.errors.contains("damaged"), "\(exit.errors)")
      #expect(scene.server.record.requests.count == 4 && scene.server.record.billedTwice == 0)
      // The plan goes on, and ends, without another request.
      for shard in 0..<2 { #expect(try await scene.fill(["--shard", "\(shard)"]).code == 0) }
      #expect(try await scene.start(["finish", "job.yaml"]).exit().code == 0)
      #expect(scene.server.record.requests.count == 4)
    }
  }

  @Test(arguments: Case.all)
  func `a plan of a changed job waits until what shards had received is written, which it says how to do`(
    left: Case
  ) async throws {
    try await Self.run(left.place) { spool in
      let scene = spool.scene
      try await Self.die(spool, ["--shard", "0"], replies: 2)
      if left.losesDisk { try spool.loseLedger() }
      let spec = scene.spec.replacing("table: chat_messages\n", with: "table: chat_messages\n    where: id < 100000\n")
      try scene.write(spec: spec + "\nspool: \(left.place.rawValue)\n")
      let early = try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit()
      #expect(early.code == 78 && early.errors.contains("vectors of 20 rows"), "\(early.errors)")
      #expect(try await scene.fill(["--max-requests", "1"]).code == 0)
      #expect(try await scene.database.count("embedding IS NOT NULL") >= 20)
      let plan = try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit()
      #expect(plan.code == 0, "\(plan.errors)")
      for shard in 0..<2 { #expect(try await scene.fill(["--shard", "\(shard)"]).code == 0) }
      #expect(try await scene.start(["finish", "job.yaml"]).exit().code == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedTwice == 0)
    }
  }

  @Test(arguments: Case.all)
  func `a shard asks for nothing while what the whole had received waits, and says what writes it`(
    left: Case
  ) async throws {
    try await Self.run(left.place) { spool in
      let scene = spool.scene
      try await Self.die(spool, replies: 4)
      if left.losesDisk { try spool.loseLedger() }
      for shard in 0..<2 {
        let early = try await scene.fill(["--shard", "\(shard)"])
        #expect(early.code == 78 && early.errors.contains("vectors of 40 rows"), "\(early.errors)")
        #expect(early.errors.contains("`vecfill run JOB --max-requests 1` writes them"), "\(early.errors)")
      }
      #expect(scene.server.record.requests.count == 4)
      #expect(try await scene.fill(["--max-requests", "1"]).code == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(try await spool.held() == 0)
      for shard in 0..<2 { #expect(try await scene.fill(["--shard", "\(shard)"]).code == 0) }
      #expect(try await scene.start(["finish", "job.yaml"]).exit().code == 0)
      #expect(scene.server.record.requests.count == 4)
    }
  }

  @Test func `the pieces of long texts that a shard had received are not asked for again by the whole`() async throws {
    try await ChunkTests.run(.postgres16) { scene in
      let spool = SpoolScene(scene: scene)
      try scene.write(spec: ChunkTests.spec() + "\nspool: database\n")
      try await scene.database.insert((0..<3).map { ChunkTests.book(bytes: 2_000, "book \($0)") })
      #expect(try await scene.start(["plan", "job.yaml", "--shards", "1"]).exit().code == 0)
      let rows = try await KillTests.holdRows(of: scene, .postgres16)
      let process = try scene.start(["run", "job.yaml", "--shard", "0"])
      try await scene.wait {
        $0.totals.openRequests == 0 && $0.totals.spooledBatches >= 2
          && $0.totals.spooledBatches == scene.server.record.requests.count
      }
      try await spool.kill(process)
      rows.release()
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await ChunkTests.flaws(scene) == [])
      #expect(scene.server.record.billedTwice == 0)
      #expect(try await spool.held() == 0)
    }
  }

  @Test func `what a shard has submitted to the batch API is fetched by the whole, and no shard pays for it`()
    async throws
  {
    try await Self.run(.ledger) { spool in
      let scene = spool.scene
      let submitted = try await scene.fill(["--shard", "0", "--batch"])
      #expect(submitted.code == 75, "\(submitted.errors)")
      #expect(try await scene.start(["plan", "job.yaml"]).exit().output.contains("2 open"))
      var exit = try await scene.fill(["--batch"])
      #expect(exit.code == 75, "\(exit.errors)")
      let shard = try await scene.fill(["--shard", "1"])
      #expect(shard.code == 78 && shard.errors.contains("that are paid for and not yet written"), "\(shard.errors)")
      for _ in 0..<12 where exit.code == 75 { exit = try await scene.fill(["--batch"]) }
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedTwice == 0 && scene.server.record.requests.isEmpty)
    }
  }
}
