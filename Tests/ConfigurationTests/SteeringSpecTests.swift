import Backfill
import Foundation
import Testing

@testable import Configuration

/// `hours` and `gentle` in a job's spec.
@Suite struct SteeringSpecTests {
  @Test(arguments: [
    ("hours: \"22:00-06:00\"", "22:00-06:00"), ("hours: 22:00-06:00", "22:00-06:00"),
    ("hours: {from: 22:00, to: 06:00}", "22:00-06:00"), ("hours: {from: '9:30', to: \"17:05\"}", "09:30-17:05"),
    ("hours: {from: 22:00, to: 06:00, zone: Pacific/Auckland}", "22:00-06:00 Pacific/Auckland"),
  ])
  func `hours are two times, with quotes or without, and perhaps a zone`(line: String, told: String) throws {
    let configuration = try Workspace().configuration(spec: line)
    #expect(configuration.hours.map { "\($0)" } == told)
    #expect(configuration.settings.first { $0.key == "hours" }?.value == .text(told))
  }

  @Test(arguments: [
    ("hours: 22", "hours must be two times from"), ("hours: 22:00", "hours must be two times from"),
    ("hours: 06:00-06:00", "hours must be two different times"),
    ("hours: 00:00-24:00", "from 00:00 to 23:59, e.g. \"22:00-06:00\"; for all day leave it out"),
    ("hours: [22:00, 06:00]", "hours must be two times from"), ("hours: {from: 22:00}", "hours.to is missing"),
    ("hours: {from: 22, to: 06:00}", "hours.from must be a time"),
    ("hours: {from: 22:00, to: 06:00, zone: Mars/Base}", "hours.zone must be a time zone"),
    ("hours: {from: 22:00, until: 06:00}", "hours.until is not a known key"),
    ("gentle: {}", "gentle must name at least one bound"), ("gentle: 5", "gentle must be a mapping"),
    ("gentle: {lag: 5}", "gentle.lag is not a known key"), ("gentle: {replica_lag: 0}", "gentle.replica_lag must be"),
    ("gentle: {replica_lag: fast}", "gentle.replica_lag must be"), ("gentle: {active: 1.5}", "gentle.active must be"),
    ("gentle: {slot_backlog: 5}", "gentle.slot_backlog must be a mapping"),
    ("gentle: {slot_backlog: {slot: a}}", "gentle.slot_backlog.bytes is missing"),
    ("gentle: {probe: {sql: \" \", ms: 5}}", "gentle.probe.sql must be text"),
    ("gentle: {probe: {sql: SELECT 1, ms: 60000}}", "gentle.probe.ms must be"),
    ("gentle: {file: hold}", "gentle.file must be an absolute path"),
    ("gentle: {head: ftp://gate/}", "gentle.head must be"),
    ("gentle: {head: \"http://u:p@gate/\"}", "gentle.head must"),
  ])
  func `anything else is one error line with its place`(line: String, told: String) throws {
    let workspace = try Workspace()
    let found = try failureLine { _ = try workspace.configuration(spec: line) }
    #expect(found.hasPrefix("job.yaml:2:") && found.contains(told), "\(found)")
  }

  @Test func `each bound is taken as it stands`() throws {
    let lines = """
      gentle:
        replica_lag: 2.5
        slot_backlog: {slot: debezium, bytes: 500000000}
        active: 50
        probe: {sql: SELECT 1, ms: 200}
        file: /run/hold
        head: https://gate.example.com/may-run
      """
    #expect(
      try Workspace().configuration(spec: lines).gauges == [
        .replicaLag(seconds: 2.5), .slotBacklog(slot: "debezium", bytes: 500_000_000), .active(50),
        .probe(sql: "SELECT 1", milliseconds: 200), .file("/run/hold"), .head("https://gate.example.com/may-run"),
      ])
  }
}
