import Backfill

extension [Gauge] {
  /// The bounds under `gentle`.
  init(gentle value: YAMLValue) throws(Failure) {
    let mapping = try value.mapping(keys: ["replica_lag", "slot_backlog", "active", "probe", "file", "head"])
    self = []
    if let seconds = mapping["replica_lag"] {
      append(.replicaLag(seconds: try seconds.number(0.1...86_400)))
    }
    if let slot = mapping["slot_backlog"] {
      let parts = try slot.mapping(keys: ["slot", "bytes"])
      append(
        .slotBacklog(
          slot: try parts.required("slot").text(.word), bytes: try parts.required("bytes").integer(1...(1 << 50))))
    }
    if let most = mapping["active"] { append(.active(try most.integer(1...100_000))) }
    if let probe = mapping["probe"] {
      let parts = try probe.mapping(keys: ["sql", "ms"])
      append(
        .probe(sql: try parts.required("sql").text(), milliseconds: try parts.required("ms").integer(1...4_000)))
    }
    if let path = mapping["file"] {
      let text = try path.text(.path)
      guard text.hasPrefix("/") else {
        throw Failure(.configuration, path.place, "\(path.path) must be an absolute path")
      }
      append(.file(text))
    }
    if let url = mapping["head"] { append(.head(try url.text(.webURL))) }
    guard !isEmpty else { throw Failure(.configuration, value.place, "\(value.path) must name at least one bound") }
  }
}
