import PgVector

/// Memory and workers for one index's build.
package struct BuildSettings: Equatable, Sendable {
  /// What a build may take where the server's own settings allow less: 1 GiB halved the time of 20,000 × 1536.
  static let ordinaryMemory = 1 << 30

  /// Bytes of `maintenance_work_mem`.
  package let memory: Int
  package let workers: Int
  /// What the whole graph takes.
  package let graphBytes: Int

  /// The settings for a graph of `rows` vectors of `vectorBytes` with `m` links.
  ///
  /// `serverMemory` is the server's own `maintenance_work_mem`, `sharedBuffers` stands for how large the machine is.
  package init(
    rows: Int, vectorBytes: Int, m: Int = HNSWIndex.m, serverMemory: Int, sharedBuffers: Int, serverWorkers: Int,
    maxWorkers: Int
  ) {
    graphBytes = HNSWIndex.graphBytes(rows: rows, vectorBytes: vectorBytes, m: m)
    let wanted = graphBytes + graphBytes / 10
    memory = max(serverMemory, min(wanted, max(Self.ordinaryMemory, sharedBuffers)))
    workers = max(serverWorkers, min(2, maxWorkers))
  }

  /// Whether the graph is built in memory, and so several times as fast.
  package var fits: Bool { graphBytes <= memory }
}
