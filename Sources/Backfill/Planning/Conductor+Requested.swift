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

    /// Where harmless texts stand among its inputs, for which no row waits, in order.
    ///
    /// One beside a single input shows whether the server is at fault or the input. Two of them, at other places than in
    /// the requests before, show that a reply is this request's own: then both have the same vector.
    var harmless: [Int] = []

    /// Whether it was refused with harmless texts, and is sent without any.
    var isPlain = false

    /// Its contents without the harmless texts.
    var own: Batch.Contents { batch.contents.without(inputsAt: harmless) }

    /// Which of its own inputs is the one at `place`; nil for a harmless text.
    func ownInput(at place: Int) -> Int? {
      harmless.contains(place) ? nil : place - harmless.count { $0 < place }
    }

    /// Whether it asks for a harmless text that no row waits for.
    var isProbe: Bool { batch.isProbe }

    /// Whether rows wait for one input alone.
    var isAlone: Bool { batch.contents.inputs.count - harmless.count == 1 }
  }

  /// The identity of a batch that is planned, or that ends without having been asked for.
  mutating func nextBatchID() -> BatchID {
    batchCount += 1
    return BatchID(run: run, number: batchCount)
  }
}
