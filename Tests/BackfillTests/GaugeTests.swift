import Backfill
import Testing

/// What a gauge says of what it reads.
@Suite struct GaugeTests {
  @Test(
    arguments: [
      (Gauge.replicaLag(seconds: 5), 12.3, "replica lag 12 s > 5 s"), (.replicaLag(seconds: 5), 5, nil),
      (.replicaLag(seconds: 0.5), 0.62, "replica lag 0.6 s > 0.5 s"), (.replicaLag(seconds: 5), 0, nil),
      (.slotBacklog(slot: "cdc", bytes: 500_000_000), 1.25e9, "slot cdc keeps 1.3 GB > 500 MB"),
      (.slotBacklog(slot: "cdc", bytes: 100), 101, "slot cdc keeps 101 bytes > 100 bytes"),
      (.slotBacklog(slot: "cdc", bytes: 100), 100, nil),
      (.active(50), 51, "51 active sessions > 50"), (.active(50), 50, nil),
      (.probe(sql: "SELECT 1", milliseconds: 200), 5_000, "the probe takes 5000 ms > 200 ms"),
      (.probe(sql: "SELECT 1", milliseconds: 200), 1, nil),
      (.file("/run/hold"), 1, "/run/hold is there"), (.file("/run/hold"), 0, nil),
      (.head("http://gate/ok"), 503, "http://gate/ok answers 503"), (.head("http://gate/ok"), 204, nil),
      (.head("http://gate/ok"), 302, "http://gate/ok answers 302"),
    ] as [(Gauge, Double, String?)])
  func `it tells a bound that is passed, with what was found`(gauge: Gauge, reading: Double, reason: String?) {
    #expect(gauge.reason(for: reading) == reason)
  }
}
