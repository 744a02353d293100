import Backfill

/// Writes the vectors of files to their rows.
struct Loading: Sendable {
  let job: Job
  let store: any MessageStore
  let reader: ResultReader
  /// How often rows that other transactions hold are tried again, a second apart at least.
  var attempts = 10
  /// Is called with what was written.
  let progress: @Sendable (Int, _ source: String) -> Void

  /// - Parameter prepare: is called once before the first write.
  func run(prepare: () async throws -> Void) async throws -> LoadTally {
    var tally = LoadTally()
    var isPrepared = false
    try await withThrowingTaskGroup(of: LoadTally.self) { group in
      var running = 0
      while let batch = try await reader.next() {
        if !isPrepared {
          try await prepare()
          isPrepared = true
        }
        if running >= min(job.writers, store.mostWriters), let done = try await group.next() {
          tally.add(done)
          running -= 1
        }
        group.addTask { try await write(batch) }
        running += 1
      }
      for try await done in group { tally.add(done) }
    }
    tally.add(await reader.tally)
    return tally
  }

  private func write(_ batch: LoadBatch) async throws -> LoadTally {
    let source = job.sources[batch.source]
    var tally = LoadTally()
    var rows = batch.rows
    for attempt in 1...attempts {
      let outcome = try await store.load(rows, to: source)
      tally.written += outcome.written.count
      progress(outcome.written.count, source.name)
      for (key, reason) in outcome.refused { refuse(key, "the database refuses its vector: \(reason)", batch, &tally) }
      for key in outcome.unfilled {
        refuse(key, "the row keeps no vector\(outcome.hooks.isEmpty ? "" : " (\(outcome.hooks))")", batch, &tally)
      }
      let settled = outcome.written.union(outcome.refused.keys).union(outcome.unfilled)
      try await look(at: rows.filter { !settled.contains($0.key) && !outcome.locked.contains($0.key) }, batch, &tally)
      rows = rows.filter { outcome.locked.contains($0.key) }
      guard !rows.isEmpty else { return tally }
      if attempt < attempts { try await Task.sleep(for: .seconds(1)) }
    }
    for row in rows { batch.places[row.key].map { tally.locked.add($0) } }
    return tally
  }

  /// Finds out what became of rows that took no vector: they have one, or another text than the vector's.
  private func look(at rows: [EmbeddedRow], _ batch: LoadBatch, _ tally: inout LoadTally) async throws {
    guard !rows.isEmpty else { return }
    let held = try await store.vectors(
      of: Dictionary(rows.map { ($0.key, $0.digest) }, uniquingKeysWith: { first, _ in first }),
      in: job.sources[batch.source])
    for row in rows {
      guard let vector = held[row.key] else {
        batch.places[row.key].map { tally.stale.add($0) }
        continue
      }
      // Two answers to one text differ a little, and two models' far more.
      if vector.count == row.vector.count, vector.cosine(to: row.vector) >= SampleComparison.leastCosine {
        tally.present += 1
      } else {
        refuse(row.key, "the row has another vector of the same text already", batch, &tally)
      }
    }
  }

  private func refuse(_ key: RowKey, _ reason: String, _ batch: LoadBatch, _ tally: inout LoadTally) {
    if let place = batch.places[key] { tally.refuse(place, reason) }
  }
}
