import Backfill
import Foundation
import Pipeline
import Testing

@testable import Monitoring

/// What is written for Prometheus and for OpenTelemetry.
struct WritersTests {
  private func ranMonitor(job: String = "job") -> RunMonitor {
    let monitor = monitor(job: job)
    let board = ProgressBoard()
    monitor.beginRound(board)
    Told.tell(monitor.observer)
    board.show(progress(written: 12_345_678, tokens: 3_000_000_000, cost: 0.25))
    return monitor
  }

  @Test func `the text has each metric's meaning and type once, before its series`() {
    let text = PrometheusText.write(ranMonitor().families())
    let lines = text.split(separator: "\n").map(String.init)
    #expect(lines.contains(#"vecfill_rows_written_total{job="job",model="m"} 12345678"#))
    #expect(lines.contains(#"vecfill_tokens_billed_total{job="job",model="m"} 3000000000"#))
    #expect(lines.contains(#"vecfill_cost_dollars_total{job="job",model="m"} 0.25"#))
    #expect(lines.contains(#"vecfill_requests_total{job="job",model="m",outcome="answered"} 1"#))
    #expect(lines.contains(#"vecfill_request_duration_seconds_bucket{job="job",model="m",le="0.1"} 0"#))
    #expect(lines.contains(#"vecfill_request_duration_seconds_bucket{job="job",model="m",le="0.25"} 1"#))
    #expect(lines.contains(#"vecfill_request_duration_seconds_bucket{job="job",model="m",le="+Inf"} 1"#))
    #expect(text.hasSuffix("\n"))
    let types = lines.filter { $0.hasPrefix("# TYPE ") }
    #expect(Set(types).count == types.count)
    #expect(lines.filter { $0.hasPrefix("# HELP ") }.count == types.count)
  }

  @Test(arguments: [
    (#"a"b"#, #"a\"b"#), (#"a\b"#, #"a\\b"#), ("a\nb", #"a\nb"#), ("a\r\nb", "a\r\\nb"), ("é🙂", "é🙂"), ("", ""),
    (#"x"} 1"#, #"x\"} 1"#),
  ])
  func `a name from outside can't end its label`(_ name: String, _ written: String) {
    let text = PrometheusText.write(monitor(job: name).families())
    #expect(text.contains("{job=\"\(written)\",model=\"m\"}"), "\(text)")
  }

  @Test func `OTLP has numbers as JSON's, long ones as text, and every sum since the process began`() throws {
    let request = OTLPRequest(
      ranMonitor(job: "a\"<b>").families(), resource: ["service.name": "s"], version: "1",
      start: Date(timeIntervalSince1970: 5),
      now: Date(timeIntervalSince1970: 7.5))
    let json = try #require(try JSONSerialization.jsonObject(with: request.json()) as? [String: Any])
    let resource = try #require((json["resourceMetrics"] as? [[String: Any]])?.first)
    let scope = try #require((resource["scopeMetrics"] as? [[String: Any]])?.first)
    let metrics = try #require(scope["metrics"] as? [[String: Any]])
    let rows = try #require(metrics.first { $0["name"] as? String == "vecfill_rows_written_total" })
    let sum = try #require(rows["sum"] as? [String: Any])
    #expect(sum["aggregationTemporality"] as? Int == 2)
    #expect(sum["isMonotonic"] as? Bool == true)
    let point = try #require((sum["dataPoints"] as? [[String: Any]])?.first)
    #expect(point["asDouble"] as? Double == 12_345_678)
    #expect(point["startTimeUnixNano"] as? String == "5000000000")
    #expect(point["timeUnixNano"] as? String == "7500000000")
    #expect(metrics.allSatisfy { ($0["unit"] as? String)?.isEmpty == false })
  }

  @Test func `the file is whole whenever it is read, for everyone, and nothing is left beside it`() async throws {
    let folder = NSTemporaryDirectory() + "vecfill-metrics-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (path, victim) = (folder + "/v.prom", folder + "/victim")
    try Data("untouched".utf8).write(to: URL(fileURLWithPath: victim))
    // What another has put where the file is made.
    try FileManager.default.createSymbolicLink(atPath: folder + "/.v.prom.tmp", withDestinationPath: victim)
    let mask = umask(0o077)
    defer { umask(mask) }
    let texts = ["a", "b"].map { "# HELP vecfill_" + String(repeating: $0, count: 300_000) }
    try WholeFile(path: path, .metrics).write(texts[0])
    async let reads = Task.detached {
      (0..<200).map { _ in FileManager.default.contents(atPath: path) }
    }.value
    for index in 0..<200 { try WholeFile(path: path, .metrics).write(texts[index % 2]) }
    for read in await reads { #expect(texts.map { Data($0.utf8) }.contains(read)) }
    #expect(try String(contentsOfFile: victim, encoding: .utf8) == "untouched")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["v.prom", "victim"])
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o644)
  }

  @Test(arguments: ["/nowhere/v.prom", "/proc/v.prom", "/", "/tmp"])
  func `a file that can't be written is told with what to do`(_ path: String) {
    #expect(throws: Failure.self) { try WholeFile(path: path, .metrics).write("x") }
  }

  @Test(
    arguments: [OwnFile.report, .metrics, .termination],
    [
      "sources: [{table: m}]\n", "SQLite format 3\0", "DATABASE_URL=x", "<!doctype html><title>mine</title>",
      "# HELP node_cpu_seconds_total", " ", "\u{0}",
    ])
  func `a file of another kind is left as it is, and named`(_ kind: OwnFile, _ text: String) throws {
    let path = NSTemporaryDirectory() + "vecfill-own-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    let failure = #expect(throws: Failure.self) { try WholeFile(path: path, kind).write("x") }
    #expect(failure?.exitCode == .configuration && failure?.subject == path && failure?.remedy != nil)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
  }

  @Test func `an empty file is replaced, and a device is written to`() throws {
    let path = NSTemporaryDirectory() + "vecfill-own-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data().write(to: URL(fileURLWithPath: path))
    try WholeFile(path: path, .metrics).write("# HELP vecfill_x")
    try WholeFile(path: path, .metrics).write("# HELP vecfill_y")
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "# HELP vecfill_y")
    try WholeFile(path: "/dev/null", .report).write("x")
    let null = try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type] as? FileAttributeType
    #expect(null == .typeCharacterSpecial)
  }
}
