import Backfill
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// A run that is watched from outside, through the real process and with the real programs that watch.
@Suite struct WatchedRunTests {
  /// Runs `body` with a run that listens and has rows in flight that wait for `gate`.
  static func held(
    _ arguments: [String] = [], _ environment: [String: String?] = [:], rows: Int = 25,
    _ body: (Scene, VecfillProcess, _ root: String, EmbeddingsServer.Gate) async throws -> Void
  ) async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((0..<rows).map { "text \($0)" } + ["held"])
      let gate = EmbeddingsServer.Gate()
      scene.server.add(.texts(with: "held", .hold(gate, then: .answer)))
      let process = try scene.start(["run", "job.yaml", "--listen", ":0"] + arguments, environment)
      try await scene.server.wait { $0.requests.count >= 3 }
      try await scene.poll("the rows that aren't held") {
        try await scene.database.count("embedding IS NOT NULL") >= 16
      }
      try await body(scene, process, try root(of: process), gate)
      gate.open()
    }
  }

  private static func root(of process: VecfillProcess) throws -> String {
    let said = process.errors.firstMatch(of: /listening at (http:\/\/127\.0\.0\.1:\d+)/)
    return String(try #require(said, "\(process.errors)").1)
  }

  static func get(_ url: String) async throws -> (status: Int, body: String) {
    let response = try await HTTPClient().send(HTTPRequest(url: url, maxReplyBytes: 1 << 20))
    return (response.status, String(decoding: response.body, as: UTF8.self))
  }

  /// The values of a page of metrics, by name and own labels.
  static func values(_ text: String) -> [String: Double] {
    var values: [String: Double] = [:]
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      guard let space = line.lastIndex(of: " ") else { continue }
      let name = line[..<space].replacing(#"job="job",model="text-embedding-3-small""#, with: "")
      values[String(name.replacing("{}", with: "").replacing("{,", with: "{"))] = Double(
        line[line.index(after: space)...])
    }
    return values
  }

  @Test func `while it runs it tells its metrics, and at the end the file has the last of them`() async throws {
    let folder = try TemporaryFolder()
    let file = folder.file("vecfill.prom")
    try await Self.held(["--metrics-file", file]) { scene, process, root, gate in
      #expect(try await Self.get(root + "/healthz").status == 200)
      #expect(try await Self.get(root + "/readyz").status == 200)
      let now = Self.values(try await Self.get(root + "/metrics").body)
      #expect(now["vecfill_run_active"] == 1)
      #expect(now["vecfill_requests_in_flight"] == 1)
      #expect(now["vecfill_exit_code"] == nil)
      if Command.isInstalled("promtool") {
        let page = folder.file("metrics")
        try Data(try await Self.get(root + "/metrics").body.utf8).write(to: URL(fileURLWithPath: page))
        let check = try await Command.run(["promtool", "check", "metrics"], input: page)
        #expect(check.code == 0 && check.errors.isEmpty && check.output.isEmpty, "\(check)")
      }
      gate.open()
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      let last = Self.values(try String(contentsOfFile: file, encoding: .utf8))
      #expect(last["vecfill_rows_written_total"] == 26)
      #expect(last["vecfill_rows_left"] == 0)
      #expect(last["vecfill_exit_code"] == 0)
      #expect(last["vecfill_run_active"] == 0)
      #expect(last["vecfill_requests_total{outcome=\"answered\"}"] == Double(scene.server.record.requests.count))
      #expect(
        last["vecfill_last_success_timestamp_seconds"].map { abs($0 - Date().timeIntervalSince1970) < 60 } == true)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path).contains { $0.hasSuffix(".tmp") } == false)
      // A later run that fails still tells when the last one succeeded.
      let failed = try await scene.fill(["--metrics-file", file], ["DATABASE_URL": "sqlite:///nowhere/x.db"])
      #expect(failed.code != 0)
      let after = Self.values(try String(contentsOfFile: file, encoding: .utf8))
      #expect(after["vecfill_exit_code"] == failed.code.map(Double.init))
      let times = [last, after].compactMap { $0["vecfill_last_success_timestamp_seconds"] }
      #expect(times.count == 2 && abs(times[0] - times[1]) < 1, "\(times)")
    }
  }

  @Test(arguments: [("skip", 0), ("fail", 80)] as [(String, Int32)])
  func `a start that is left to the running one tells no metrics, and one that fails tells them at its end`(
    ifLocked: String, code: Int32
  ) async throws {
    try await Self.held { scene, _, _, _ in
      let file = scene.folder.file("vecfill.prom")
      let before = "# HELP vecfill_exit_code of another start\n"
      try Data(before.utf8).write(to: URL(fileURLWithPath: file))
      try await EmbeddingsServer.run(rules: [.always(.respond(.page(200)))]) { receiver in
        let exit = try await scene.fill(
          ["--if-locked", ifLocked, "--metrics-file", file], ["OTEL_EXPORTER_OTLP_ENDPOINT": receiver.root])
        #expect(exit.code == code, "\(exit.errors)")
        let after = try String(contentsOfFile: file, encoding: .utf8)
        #expect((after == before) == (code == 0), "\(after)")
        #expect(receiver.record.requests.isEmpty == (code == 0))
        if code != 0 { #expect(Self.values(after)["vecfill_exit_code"] == Double(code)) }
      }
      let left = try FileManager.default.contentsOfDirectory(atPath: scene.folder.path)
      #expect(!left.contains { $0.contains(".prom.tmp") }, "\(left)")
    }
  }

  @Test func `hundreds of clients that say nothing neither end the run nor keep its metrics from others`() async throws
  {
    try await Self.held { scene, process, root, gate in
      // Fewer descriptors than there are clients: without a bound they would all be used up.
      let few = try await Command.run(["prlimit", "--pid", "\(process.pid)", "--nofile=450:450"])
      #expect(few.code == 0, "\(few.errors)")
      let port = try #require(root.split(separator: ":").last.flatMap { Int($0) })
      let socket = try #require(ControlTests.sockets(scene).first)
      let clients = [
        try SilentClients(300, port: port),
        try SilentClients(300, path: scene.folder.file("state/vecfill/run/\(socket)")),
      ]
      for clients in clients {
        try await scene.poll("the clients that are ended") { clients.ended >= 300 - 64 }
      }
      #expect(try await Self.get(root + "/metrics").status == 200)
      #expect(try await ControlTests.status(scene)["control"] is [String: Any])
      #expect(clients.allSatisfy { $0.ended < 300 })
      let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.pid)/fd").count
      #expect(open < 450)
      gate.open()
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.database.count("embedding IS NULL") == 0)
      print("figure: 600 silent clients, \(open) descriptors open in the run")
    }
  }

  @Test func `an address or a file that can't be had ends it before anything is paid`() async throws {
    try await Self.held { scene, _, root, _ in
      let before = scene.server.record.requests.count
      let taken = try await scene.fill(["--listen", root.replacing("http://", with: "")])
      #expect(taken.code == 78, "\(taken.errors)")
      #expect(taken.errors.split(separator: "\n").count == 1 && taken.errors.contains("another process has that port"))
      let unwritable = try await scene.fill(["--metrics-file", "/nowhere/vecfill.prom"])
      #expect(unwritable.code == 74, "\(unwritable.errors)")
      #expect(unwritable.errors.contains("/nowhere/vecfill.prom: it can't be written: No such file"))
      #expect(try await scene.fill(["--listen", "example.com:80"]).code == 64)
      #expect(scene.server.record.requests.count == before)
    }
  }

  @Test(.enabled(if: Helper.prometheus.isUsable, "\(Helper.prometheus.missing)"))
  func `a real Prometheus scrapes it and answers with the right number`() async throws {
    try await Self.held { scene, _, root, _ in
      let folder = scene.folder
      let config = """
        global: {scrape_interval: 250ms, scrape_timeout: 250ms}
        rule_files: [\(RepositoryFiles.path("jobs/monitoring/alerts.yaml"))]
        scrape_configs:
          - job_name: vecfill
            honor_labels: true
            static_configs: [{targets: ["\(root.replacing("http://", with: ""))"]}]
        """
      try Data(config.utf8).write(to: URL(fileURLWithPath: folder.file("prometheus.yml")))
      let written = try await scene.database.count("embedding IS NOT NULL")
      let port = try LoopbackAddress.freePort()
      try await ServerProcess.run(
        "prometheus", "--config.file=\(folder.file("prometheus.yml"))",
        "--storage.tsdb.path=\(folder.file("tsdb"))", "--web.listen-address=127.0.0.1:\(port)"
      ) { _ in
        let query = "http://127.0.0.1:\(port)/api/v1/query?query=sum(vecfill_rows_written_total)by(job,model)"
        var answer = ""
        try await scene.poll("Prometheus' answer") {
          answer = (try? await Self.get(query).body) ?? ""
          return answer.contains("\"value\"")
        }
        #expect(answer.contains(#""job":"job","model":"text-embedding-3-small""#), "\(answer)")
        #expect(answer.contains(#","\#(written)"]"#), "\(answer)")
      }
    }
  }

  @Test(.enabled(if: Helper.python.isUsable, "\(Helper.python.missing)"))
  func `an OpenTelemetry receiver gets all, the last before the exit`() async throws {
    let python = ProcessInfo.processInfo.environment["VECFILL_TEST_PYTHON"] ?? "/var/tmp/vecfill-python-\(getuid())"
    try await ServerProcess.run("\(python)/bin/python", RepositoryFiles.path("scripts/otlp_receiver.py")) { receiver in
      let started = try await receiver.prints(".\n")
      let port = String(try #require(started.firstMatch(of: /listening at (\d+)/), "\(started)").1)
      let environment = [
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(port)", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=s3cret",
        "OTEL_SERVICE_NAME": "night", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
        "OTEL_METRIC_EXPORT_INTERVAL": "200",
      ]
      try await Self.held([], environment) { _, process, _, gate in
        _ = try await receiver.prints("\"vecfill_run_active\": 1.0")
        gate.open()
        let exit = await process.exit()
        #expect(exit.code == 0, "\(exit.errors)")
        #expect(!exit.errors.contains("s3cret"))
      }
      let printed = try await receiver.prints("\"vecfill_exit_code\": 0.0")
      #expect(!printed.contains("\"error\""), "\(printed)")
      let last = try #require(printed.split(separator: "\n").last)
      let push = try #require(try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any])
      let values = try #require(push["values"] as? [String: Double])
      #expect(push["path"] as? String == "/v1/metrics")
      #expect((push["headers"] as? [String: String])?["api-key"] == "s3cret")
      #expect(push["resource"] as? [String: String] == ["service.name": "night", "deployment.environment": "test"])
      #expect(values["vecfill_rows_written_total"] == 26)
      #expect(values["vecfill_requests_total,outcome=answered"] == 3)
      #expect(values["vecfill_request_duration_seconds"] == 3)
    }
  }

  @Test(arguments: ["http://127.0.0.1:1", "http://nowhere.invalid:4318"])
  func `a receiver that is away is said once and changes nothing else`(_ endpoint: String) async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((0..<25).map { "text \($0)" })
      let clock = ContinuousClock()
      let began = clock.now
      let exit = try await scene.fill(
        [], ["OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_METRIC_EXPORT_INTERVAL": "20"])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(began.duration(to: clock.now) < .seconds(60))
      let said = exit.errors.split(separator: "\n").filter { $0.contains("OTLP") }
      #expect(said.count == 1, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `with --follow the metrics go on over the rounds`() async throws {
    try await FollowTests.run(FollowTests.Way(engine: .postgres18, edits: .ignore, notifies: true)) { scene in
      let process = try await FollowTests.follow(scene, "--listen", ":0")
      let root = try Self.root(of: process)
      try await scene.database.insert(["new"])
      try await scene.poll("the second round") {
        Self.values(try await Self.get(root + "/metrics").body)["vecfill_rounds_total"] == 2
      }
      let values = Self.values(try await Self.get(root + "/metrics").body)
      #expect(values["vecfill_rows_written_total"] == 26)
      #expect(try await Self.get(root + "/readyz").status == 200)
      #expect(try await Self.get(root + "/").body.contains("all is filled; it waits for rows that come"))
      process.send(SIGTERM)
      #expect(await process.exit().code == 0)
    }
  }
}
