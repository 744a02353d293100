extension Conductor {
  /// A batch that is to be sent, is on its way, or waits to be sent again.
  struct Requested: Sendable {
    let batch: Batch
    /// The most dollars that it can cost, if the provider counts as is thought, and what is reserved for it.
    var most = 0.0
    var reservation = 0.0
    var attempt = 1
    var trial = Isolation.Trial()
    /// The tokens that the limiter holds for it.
    var reservedTokens = 0
    var sentAt: Duration = .zero
    /// When it may be sent again.
    var due: Duration = .zero

    /// Whether it was refused in a way that ends a run, though others had answers.
    var wasDenied = false

    /// Whether a harmless text stands before its only input.
    var isEscorted = false

    /// Whether it asks for a harmless text that no row waits for.
    var isProbe: Bool { batch.isProbe }

    /// Whether rows wait for one input alone.
    var isAlone: Bool { batch.contents.inputs.count == (isEscorted ? 2 : 1) }
  }

  /// The identity of a batch that is planned, or that ends without having been asked for.
  mutating func nextBatchID() -> BatchID {
    batchCount += 1
    return BatchID(run: run, number: batchCount)
  }
}
