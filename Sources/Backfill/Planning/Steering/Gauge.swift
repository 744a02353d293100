/// A bound of what other work shares with a run: while it is passed, the run does nothing.
package enum Gauge: Equatable, Sendable {
  /// How long the slowest replica is behind, in seconds.
  case replicaLag(seconds: Double)
  /// The bytes of WAL that a replication slot keeps.
  case slotBacklog(slot: String, bytes: Int)
  /// How many other sessions work.
  case active(Int)
  /// How long a statement takes.
  case probe(sql: String, milliseconds: Int)
  /// A file that is there.
  case file(String)
  /// A URL that answers a HEAD request by another status than 2xx.
  case head(String)

  /// As the job's spec calls it.
  package var name: String {
    switch self {
    case .replicaLag: "replica_lag"
    case .slotBacklog: "slot_backlog"
    case .active: "active"
    case .probe: "probe"
    case .file: "file"
    case .head: "head"
    }
  }

  package var needsPostgres: Bool {
    switch self {
    case .replicaLag, .slotBacklog, .active, .probe: true
    case .file, .head: false
    }
  }

  /// Why the run has to wait, in words; nil where the bound is kept.
  ///
  /// - Parameter reading: what was found, in the gauge's unit: 1 for a file that is there, the status of a reply.
  package func reason(for reading: Double) -> String? {
    func passes(_ most: Double, _ words: String) -> String? { reading > most ? words : nil }
    return switch self {
    case .replicaLag(let most): passes(most, "replica lag \(Gauge.short(reading)) s > \(Gauge.short(most)) s")
    case .slotBacklog(let slot, let most):
      passes(Double(most), "slot \(slot) keeps \(Gauge.bytes(reading)) > \(Gauge.bytes(Double(most)))")
    case .active(let most): passes(Double(most), "\(Gauge.short(reading)) active sessions > \(most)")
    case .probe(_, let most): passes(Double(most), "the probe takes \(Gauge.short(reading)) ms > \(most) ms")
    case .file(let path): passes(0, "\(path) is there")
    case .head(let url): (200..<300).contains(reading) ? nil : "\(url) answers \(Gauge.short(reading))"
    }
  }

  private static func short(_ number: Double) -> String {
    let tenths = (number * 10).rounded() / 10
    return number >= 10 || tenths == tenths.rounded() ? "\(Int(number.rounded()))" : "\(tenths)"
  }

  private static func bytes(_ number: Double) -> String {
    switch number {
    case 1e9...: "\(short(number / 1e9)) GB"
    case 1e6...: "\(short(number / 1e6)) MB"
    default: "\(short(number)) bytes"
    }
  }
}
