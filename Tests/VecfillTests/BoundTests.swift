import Foundation
import Ledger
import TestSupport
import Testing

/// Runs that end by a bound of their own, through the real process.
@Suite struct BoundTests {
  static func summary(_ exit: VecfillProcess.Exit) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(exit.output.utf8)) as? [String: Any] ?? [:]
  }

  /// A time of the day so many minutes from now.
  static func clock(_ minutes: Double) -> String {
    let parts = Calendar.current.dateComponents([.hour, .minute], from: Date().addingTimeInterval(minutes * 60))
    func two(_ number: Int?) -> String { String(format: "%02d", number ?? 0) }
    return "\(two(parts.hour)):\(two(parts.minute))"
  }

  @Test func `no run writes more rows than it may, and run after run all are written`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((0..<25).map { "message \($0)" } + ["", "one more"])
      var codes: [Int32?] = []
      var counts: [Int] = []
      for _ in 0..<4 {
        let exit = try await scene.fill(["--max-rows", "8", "--require-complete", "--log-format", "json"])
        let told = try Self.summary(exit)
        #expect(told["complete"] as? Bool == (exit.code == 0), "\(exit.output)")
        #expect(told["stopped_by"] as? String == (exit.code == 0 ? nil : "rows"))
        #expect(told["exit_code"] as? Int == exit.code.map(Int.init))
        codes.append(exit.code)
        counts.append(try await scene.database.count("embedding IS NOT NULL"))
      }
      #expect(codes == [81, 81, 81, 0])
      #expect(counts == [8, 16, 24, 26])
      #expect(scene.server.record.billedTwice == 0)
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `no run sends more requests than it may, and without --require-complete it exits with 0`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((0..<45).map { "message \($0)" })
      let exit = try await scene.fill(["--max-requests", "2"])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.output.contains("stopped by --max-requests; run the same command again to go on"), "\(exit.output)")
      #expect(exit.output.contains("left to do           25"), "\(exit.output)")
      #expect(scene.server.record.requests.count == 2)
      #expect(try await scene.database.count("embedding IS NOT NULL") == 20)
      let status = try await scene.status()
      #expect(status?.exitCode == 0 && status?.reason == "stopped by --max-requests")
      #expect(try await scene.fill().code == 0)
      #expect(scene.server.record.billedTwice == 0)
    }
  }

  @Test(arguments: ["--deadline", "--until"])
  func `when its time is over it awaits what is in flight, and tells how to go on`(_ flag: String) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.sqlite, rules: [.requests(0..<100, .hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((0..<200).map { "message \($0)" })
      let time = Date().addingTimeInterval(4).formatted(.iso8601)
      let process = try scene.start(["run", "job.yaml", "--require-complete", flag, flag == "--until" ? time : "4s"])
      try await scene.server.wait { $0.inFlight == 4 }
      try await scene.poll("the stop") { process.errors.contains("\(flag): stopping") }
      #expect(process.isRunning)
      gate.open()
      let exit = await process.exit()
      #expect(exit.code == 81, "\(exit.errors)")
      #expect(exit.output.contains("stopped by \(flag); run the same command again to go on"), "\(exit.output)")
      #expect(try await scene.database.count("embedding IS NOT NULL") == 40)
      #expect(scene.server.record.requests.count == 4)
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedTwice == 0)
    }
  }

  @Test func `outside of the job's hours a run ends at once, and one that follows waits and can be stopped`()
    async throws
  {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((0..<20).map { "message \($0)" })
      try scene.write(spec: scene.spec + "\nhours: \(Self.clock(120))-\(Self.clock(180))\n")
      let exit = try await scene.fill(["--require-complete"])
      #expect(exit.code == 81, "\(exit.errors)")
      for told in [exit.output, try await scene.start(["status"]).exit().output] {
        #expect(told.contains("stopped by the job's hours; run the same command again within them to go on"), "\(told)")
      }
      let process = try scene.start(["run", "job.yaml", "--follow"])
      try await scene.poll("the wait") { process.errors.contains("waiting for them") }
      try await scene.wait { $0.state == .running }
      process.send(SIGTERM)
      #expect(await process.exit().code == 143)
      #expect(scene.server.record.requests.isEmpty)
      try scene.write(spec: scene.spec + "\nhours: {from: \(Self.clock(-60)), to: \(Self.clock(60))}\n")
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `only rows that are newly in quarantine fail a run, also where the one that put them there was stopped`()
    async throws
  {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert([String(repeating: "word ", count: 40_000)] + (0..<20).map { "message \($0)" })
      #expect(try await scene.fill(["--max-rows", "5"]).code == 0)
      #expect(try await scene.fill().code == 83)
      let again = try await scene.fill()
      #expect(again.code == 0, "\(again.errors)")
      #expect(again.output.contains("complete but for 1 quarantined row;"), "\(again.output)")
      #expect(try await scene.fill(["--fail-on", "quarantined"]).code == 83)
      try await scene.database.insert([String(repeating: "words ", count: 40_000)])
      #expect(try await scene.fill(["--fail-on", "never"]).code == 0)
      try await scene.database.insert([String(repeating: "text ", count: 40_000)])
      #expect(try await scene.fill(["--max-quarantined", "3"]).code == 0)
    }
  }
}
