/// Requests that are divided, inputs that are asked for alone, and rows that are left out.
extension Conductor {
  /// Those of the request's own inputs that got no usable vector are asked for once more, each alone.
  mutating func askAlone(_ inputs: Set<Int>, of request: Requested) {
    guard !inputs.isEmpty else { return }
    let (batch, own) = (request.batch, request.own)
    sources[batch.source].split(page: batch.page, into: inputs.count + 1)
    if let bundle = batch.bundle { assembly.split(bundle, into: inputs.count + 1) }
    let alone = inputs.sorted().map { input in
      var part = plan(own.slice(input..<input + 1), inPlaceOf: batch)
      part.trial = Isolation.suspicion(of: request, .noVector("there is none for it"))
      return mayAddHarmless ? with(harmlessAt: [0], part) : part
    }
    planned.insert(contentsOf: alone, at: 0)
  }

  /// The same request with harmless texts at these places, and at no others.
  mutating func with(harmlessAt places: [Int], _ request: Requested) -> Requested {
    var other = plan(request.own.with(harmlessAt: places), inPlaceOf: request.batch)
    other.trial = request.trial
    other.harmless = places
    return other
  }

  /// Whether its reply has to prove whose it is.
  func needsProof(_ request: Requested) -> Bool {
    disorders.areOfTexts && mayAddHarmless && !request.isProbe && !request.isPlain && request.harmless.count < 2
      && job.model.maxInputs ?? .max >= 3
  }

  /// The same request with two harmless texts, at other places than in those before it; nil where it then has more texts
  /// or tokens than a request may have. Every pair of places is used before one comes again.
  mutating func proving(_ request: Requested) -> Requested? {
    disorders.proofs += 1
    let last = request.own.inputs.count + 1
    var (first, rest) = (0, disorders.proofs % (last * (last + 1) / 2))
    while rest >= last - first {
      rest -= last - first
      first += 1
    }
    var proving = with(harmlessAt: [first, first + 1 + rest], request)
    (proving.attempt, proving.wasDenied) = (request.attempt, request.wasDenied)
    let contents = proving.batch.contents
    guard contents.texts.count <= job.model.maxInputs ?? .max,
      contents.tokenCount <= job.model.maxRequestTokens ?? .max,
      limiter.configuredLimit(passedByOneOf: contents.tokenCount) == nil
    else { return nil }
    return proving
  }

  /// One input has more tokens than the job lets a minute have: it is not sent.
  mutating func leaveOut(_ request: Requested, above limit: Int) {
    let tokens = limiter.expected(request.batch.contents.tokenCount)
    leaveOut(
      request.batch,
      Condemnation(
        .overLimit,
        "it has about \(tokens.of("token")), more than limits.tokens_per_minute, \(limit.grouped), and was not sent"))
  }

  mutating func leaveOut(_ batch: Batch, for failure: EmbeddingFailure) {
    leaveOut(batch, Condemnation(.provider(failure.kind), failure.summary))
  }

  /// Puts the rows of a batch with one input into quarantine. A text of a comparison is only not compared.
  mutating func leaveOut(_ batch: Batch, _ condemnation: Condemnation) {
    guard batch.purpose == .rows else { return compared(batch.id, batch.source, alike: 0) }
    // A row of pieces may be given up for several of them.
    let rows = batch.bundle == nil ? batch.contents.rows : assembly.failed(batch)
    condemn(rows.map { CondemnedRow(source: batch.source, row: $0, condemnation) }, of: batch.source)
    ended.append(Ended(id: batch.id, source: batch.source, page: batch.page))
    assembled(batch.bundle)
  }

  /// Plans the parts of a batch in its place, before all others.
  mutating func split(_ request: Requested, into ranges: [Range<Int>]) {
    let (batch, own) = (request.batch, request.own)
    switch batch.purpose {
    case .rows:
      sources[batch.source].split(page: batch.page, into: ranges.count)
      if let bundle = batch.bundle { assembly.split(bundle, into: ranges.count) }
    case .comparison: comparisons.split(batch.source, into: ranges.count)
    case .probe: break
    }
    let parts = ranges.map { range in
      var part = plan(own.slice(range), inPlaceOf: batch)
      part.trial = request.trial
      return part
    }
    planned.insert(contentsOf: parts, at: 0)
  }

  mutating func condemn(_ rows: [CondemnedRow], of source: Int) {
    condemned += rows
    newlyCondemned += rows.count
    sources[source].condemned(rows: rows.count)
  }

  /// A request with the source, page, purpose and bundle of `batch`.
  mutating func plan(_ contents: Batch.Contents, inPlaceOf batch: Batch) -> Requested {
    plan(contents, source: batch.source, page: batch.page, purpose: batch.purpose, bundle: batch.bundle)
  }
}
