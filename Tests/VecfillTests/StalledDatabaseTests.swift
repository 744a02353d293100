import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// A PostgreSQL server, or the network to it, that takes connections and stops answering.
@Suite struct StalledDatabaseTests {
  /// A run through a proxy that has written four batches, so that all its connections are open, and waits for four more
  /// replies.
  struct Stage {
    let scene: Scene
    let proxy: PostgresProxy
    let process: VecfillProcess
    let gate: EmbeddingsServer.Gate

    /// - Parameter options: of the database's URL.
    init(
      _ scene: Scene, options: String = "tcp_user_timeout=1000&connect_timeout=2", host: String = "127.0.0.1",
      environment: [String: String] = [:], arguments: [String] = []
    ) async throws {
      self.scene = scene
      let url = try #require(URLComponents(string: scene.database.url))
      proxy = try PostgresProxy(to: try #require(url.port))
      try await scene.database.insert((0..<80).map { "message \($0)" })
      gate = EmbeddingsServer.Gate()
      scene.server.add(.requests(4..<8, .hold(gate, then: .answer)))
      var changes: [String: String?] = environment
      changes["DATABASE_URL"] =
        Self.through(proxy, scene.database.url).replacing("127.0.0.1", with: host) + "?" + options
      process = try scene.start(["run", "job.yaml"] + arguments, changes)
      try await scene.server.wait { $0.inFlight == 4 && $0.requests.count == 8 }
      try await scene.poll("the first rows") { try await scene.database.count("embedding IS NOT NULL") == 40 }
      try await scene.wait { $0.totals.spooledBatches == 0 }
    }

    static func through(_ proxy: PostgresProxy, _ url: String) -> String {
      var components = URLComponents(string: url)
      components?.port = proxy.port
      return components?.string ?? url
    }

    /// Lets the replies come, so that they are written, and returns once the database's answer to that is withheld.
    func stallWrite() async throws {
      let before = proxy.withheld
      gate.open()
      try await scene.poll("a write that stalls") { proxy.withheld > before }
    }

    /// Sends the signal, again once it was heard, and returns how the process ended and how long after the second one.
    func stopTwice(_ signal: Int32) async throws -> (exit: VecfillProcess.Exit, took: Duration) {
      process.send(signal)
      try await scene.poll("the stop") { process.errors.contains("stopping") }
      let began = ContinuousClock.now
      try await scene.insist(process, signal)
      return (await process.exit(), began.duration(to: .now))
    }

    func goOn() async throws {
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedTwice == 0)
    }
  }

  @Test func `a statement that nobody answers any more ends the run once its patience is used up`() async throws {
    try await Scene.run(.postgres18) { scene in
      let stage = try await Stage(scene, arguments: ["--max-outage", "20"])
      stage.proxy.withholdReplies()
      try await stage.stallWrite()
      let began = ContinuousClock.now
      let exit = await stage.process.exit()
      let took = began.duration(to: .now)
      print("figure: a database that answers nothing any more: exit \(exit.code ?? -1) after \(took)")
      #expect(exit.code == 69, "\(exit.errors)")
      #expect((.seconds(20)...(.seconds(120))).contains(took), "\(took)")
      #expect(exit.errors.contains("no answer from 127.0.0.1 within 2.0 seconds"), "\(exit.errors)")
      #expect(exit.errors.contains("run the same command again to go on"), "\(exit.errors)")
      stage.proxy.close()
      try await stage.goOn()
    }
  }

  @Test(arguments: [true, false]) func `a run goes on when the server answers again`(newOnesAtOnce: Bool) async throws {
    try await Scene.run(.postgres18) { scene in
      let stage = try await Stage(scene)
      if newOnesAtOnce { stage.proxy.stallOpenConnections() } else { stage.proxy.withholdReplies() }
      try await stage.stallWrite()
      let before = stage.proxy.connections
      try await scene.poll("another connection") { stage.proxy.connections > before }
      stage.proxy.serveNewConnections()
      let exit = await stage.process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedTwice == 0)
      stage.proxy.close()
    }
  }

  enum Stall: CaseIterable {
    case statement, connection
  }

  @Test(arguments: Stall.allCases, StopTests.signals)
  func `a second signal ends a run whose database does not answer at once`(
    stall: Stall, signal: (number: Int32, code: Int32)
  ) async throws {
    try await Scene.run(.postgres18) { scene in
      let stage = try await Stage(
        scene, options: stall == .statement ? "connect_timeout=60" : "tcp_user_timeout=1000&connect_timeout=10")
      stage.proxy.withholdReplies()
      try await stage.stallWrite()
      if stall == .connection {
        let before = stage.proxy.connections
        try await scene.poll("another connection") { stage.proxy.connections > before }
      }
      let (exit, took) = try await stage.stopTwice(signal.number)
      print("figure: second signal, stalled \(stall): exit \(exit.code ?? -1) after \(took)")
      #expect(exit.code == signal.code, "\(exit.errors)")
      #expect(took < .seconds(4), "\(took)")
      stage.proxy.close()
      try await stage.goOn()
    }
  }

  @Test(arguments: [true, false], ["none", "database"])
  func `one signal ends a run whose database is away, soon after the grace`(
    isSilent: Bool, share: String
  ) async throws {
    try await Scene.run(.postgres18) { scene in
      try scene.write(spec: scene.spec + "\nshare: \(share)\n")
      let stage = try await Stage(scene, options: "connect_timeout=60", arguments: ["--grace", "6"])
      if isSilent {
        stage.proxy.withholdReplies()
        try await stage.stallWrite()
      } else {
        stage.proxy.close()
        stage.gate.open()
        try await scene.server.wait { $0.inFlight == 0 }
      }
      stage.process.send(SIGTERM)
      try await scene.poll("the stop") { stage.process.errors.contains("stopping") }
      let began = ContinuousClock.now
      let exit = await stage.process.exit()
      let took = began.duration(to: .now)
      print("figure: one signal, silent \(isSilent), share \(share): exit \(exit.code ?? -1) after \(took)")
      #expect(exit.code == 143, "\(exit.errors)")
      // The grace, a write that is left alone, and what is shared.
      #expect(took < .seconds(6 + 3 + 8), "\(took)")
      stage.proxy.close()
      try await stage.goOn()
    }
  }

  @Test(
    .enabled(if: FileManager.default.isExecutableFile(atPath: PreloadedLibrary.compiler)), arguments: StopTests.signals)
  func `a second signal ends a run that hangs in the lookup of a name`(signal: (number: Int32, code: Int32))
    async throws
  {
    try await Scene.run(.postgres18) { scene in
      let resolver = try BlockedResolver()
      let stage = try await Stage(scene, host: "localhost", environment: resolver.environment)
      try resolver.block()
      stage.proxy.cut()
      stage.gate.open()
      try await scene.poll("a lookup") { resolver.hasBlocked }
      let (exit, took) = try await stage.stopTwice(signal.number)
      print("figure: second signal, blocked lookup: exit \(exit.code ?? -1) after \(took)")
      #expect(exit.code == signal.code, "\(exit.errors)")
      #expect(took < .seconds(5), "\(took)")
      #expect(exit.errors.contains("ended without what does not answer"), "\(exit.errors)")
      stage.proxy.close()
      try await stage.goOn()
    }
  }

  @Test(arguments: ["", "sslmode=require&"]) func `a server that never answers is given up at the start`(
    mode: String
  ) async throws {
    try await Scene.run(.sqlite) { scene in
      let listener = try SilentListener()
      let exit = try await scene.fill(
        [], ["DATABASE_URL": "postgresql://u@127.0.0.1:\(listener.port)/d?\(mode)connect_timeout=2"])
      #expect(exit.code == 69, "\(exit.errors)")
      #expect(exit.errors.contains("no answer from 127.0.0.1 within 2.0 seconds"), "\(exit.errors)")
    }
  }

  @Test func `a signal ends a run whose first connection is not answered`() async throws {
    try await Scene.run(.sqlite) { scene in
      let listener = try SilentListener()
      let process = try scene.start(
        ["run", "job.yaml"], ["DATABASE_URL": "postgresql://u@127.0.0.1:\(listener.port)/d?connect_timeout=60"])
      try await scene.poll("a connection") { listener.hasConnection }
      process.send(SIGTERM)
      #expect(await process.exit().signal == SIGTERM)
    }
  }

  @Test func `a statement that takes long is left to its work, however silent`() async throws {
    try await Scene.run(.postgres18) { scene in
      try await scene.database.insert((0..<5).map { "message \($0)" })
      try await scene.database.run(
        """
        CREATE FUNCTION slow() RETURNS boolean LANGUAGE sql VOLATILE AS $$ SELECT pg_sleep(1); SELECT true $$;
        CREATE TABLE sessions (name text);
        CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS $$
          BEGIN INSERT INTO public.sessions VALUES (current_setting('application_name')); END $$;
        CREATE EVENT TRIGGER note ON login EXECUTE FUNCTION note()
        """)
      try scene.write(
        spec: scene.spec.replacingOccurrences(
          of: "- table: chat_messages\n", with: "- table: chat_messages\n    where: slow()\n"))
      let process = try scene.start(
        ["run", "job.yaml"], ["DATABASE_URL": scene.database.url + "?tcp_user_timeout=1000"])
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      let questions = try await scene.database.rows(
        "SELECT 1 FROM sessions WHERE name = 'vecfill asks for a silent statement'")
      #expect(!questions.isEmpty, "the statement was not asked about")
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedTwice == 0)
    }
  }
}
