import Testing

@testable import Backfill

/// Replies that show, whatever their texts are, that the provider can't be trusted.
extension ConductorTests {
  @Test func `a reply of another model blames no text: the request is sent again whole, and the fourth ends the run`() {
    var conductor = Self.conductor(concurrency: 1)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...4)))
    _ = conductor.tell(.received(Self.id(1), Self.receipt), at: 1)
    var failure = EmbeddingFailure(.misconfigured, "it comes from the model b", status: 200, mayHaveBeenBilled: true)
    failure.disorder = .otherModel
    for time in [100.0, 200, 300] {
      _ = conductor.tell(.requestFailed(Self.id(2), failure), at: time)
      #expect(!conductor.isStopping)
      #expect(conductor.tell(.woken, at: time + 90).contains("request 2 x2 again"))
    }
    _ = conductor.tell(.requestFailed(Self.id(2), failure), at: 400)
    #expect(conductor.isStopping)
    #expect(conductor.tally.quarantined == 0)
  }

  @Test(arguments: [0, 1, 99, 100, 1000])
  func `a hundred answers in a row make up for what was not to be trusted before`(answers: Int) {
    var disorders = Disorders()
    for _ in 0..<3 {
      let ends = disorders.add(.otherModel, to: Self.request, at: .seconds(2))
      #expect(!ends)
    }
    for _ in 0..<answers {
      disorders.answered(rows: 1, isProven: false, sentAt: .seconds(3), at: .seconds(3), oldest: nil)
    }
    let ends = disorders.add(.otherModel, to: Self.request, at: .seconds(2))
    #expect(ends == (answers < 100))
  }

  private static let request = Conductor.Requested(
    batch: Batch(id: id(1), source: 0, page: 1, contents: Batch.Contents(inputs: [], rows: [])))

  private static func astray() -> EmbeddingFailure {
    var failure = EmbeddingFailure(.brokenReply, "it has the vectors of others", status: 200, mayHaveBeenBilled: true)
    failure.disorder = .otherTexts
    return failure
  }

  /// Runs it over pages of `size` rows, until it ends or has asked for `most` requests; `answer` gets each request with its
  /// number, and what it returns is what comes next. Returns how it ended.
  private static func drive(
    _ conductor: inout Conductor, size: Int, batchSize: Int, pages: Int, most: Int = 1_000,
    answer: (_ number: Int, Batch) -> [Conductor.Event]
  ) -> ExitCode? {
    var pending: [Conductor.Event] = [.started]
    var (time, read, requests, code) = (Duration.zero, 0, 0, nil as ExitCode?)
    var rows: [BatchID: Int] = [:]
    while requests < most, !pending.isEmpty {
      time += .seconds(100)
      for action in conductor.handle(pending.removeFirst(), at: time) {
        switch action {
        case .readLastKey: pending.append(.lastKeyRead(.integer(9_999)))
        case .readPage:
          let first = Int64(read * size + 1)
          pending.append(
            .pageRead(read < pages ? page(first...first + Int64(size) - 1, batchSize: batchSize) : emptyPage))
          read += 1
        case .request(let batch, _, _):
          requests += 1
          rows[batch.id] = batch.contents.rows.count
          pending += answer(requests, batch)
        case .prepareWriting: pending.append(.prepared)
        case .write(let write): pending.append(written(write.parts.map { ($0.batch, rows[$0.batch] ?? 0) }))
        case .settle: pending.append(.settled)
        case .wake: pending.append(.woken)
        case .end(let ending): code = ending.exitCode
        default: break
        }
      }
    }
    return code
  }

  @Test(arguments: [(inputs: 1, maxInputs: nil as Int?), (2, nil), (3, nil), (3, 4), (1, 2), (40, 42), (40, 41)])
  func `once a reply had the vectors of others, each holds a harmless text twice, at other places than the last`(
    inputs: Int, maxInputs: Int?
  ) {
    var conductor = Self.conductor(batchSize: inputs, concurrency: 1, maxInputs: maxInputs)
    var sent: [(count: Int, places: [Int])] = []
    _ = Self.drive(&conductor, size: inputs, batchSize: inputs, pages: 99, most: 14) { number, batch in
      let texts = batch.contents.texts
      #expect(texts.count <= maxInputs ?? .max)
      for row in batch.contents.rows { #expect(texts[row.input] == "text \(row.key)") }
      if number == 2 { return [.requestFailed(batch.id, Self.astray())] }
      if number > 2 { sent.append((texts.count, texts.indices.filter { texts[$0] == "vecfill" })) }
      return [.received(batch.id, Self.receipt)]
    }
    #expect(sent.count == 12)
    let areTwo = maxInputs.map { $0 >= 3 } ?? true
    for (one, next) in zip(sent, sent.dropFirst()) {
      #expect(one.places.count == (areTwo ? 2 : 0))
      #expect(!areTwo || one != next)
    }
  }

  @Test func `after a hundred answers no request needs a harmless text any more`() {
    var disorders = Disorders()
    _ = disorders.add(.otherTexts, to: Self.request, at: .seconds(2))
    for answers in 1...100 {
      #expect(disorders.areOfTexts, "\(answers)")
      disorders.answered(rows: 1, isProven: false, sentAt: .seconds(3), at: .seconds(3), oldest: nil)
    }
    #expect(!disorders.areOfTexts)
    _ = disorders.add(.otherModel, to: Self.request, at: .seconds(2))
    #expect(!disorders.areOfTexts, "another model's vectors stand in their places")
  }

  @Test(arguments: [(true, nil), (true, 3), (false, nil), (false, 3)])
  func `rows whose reply came while another request's went astray end the run with 65, also one that is bounded`(
    isToldFirst: Bool, most: Int?
  ) {
    var policy = RunPolicy()
    policy.bounds.requests = most
    var conductor = Self.conductor(concurrency: 2, policy: policy)
    let code = Self.drive(&conductor, size: 4, batchSize: 2, pages: 2) { number, batch in
      let received = Conductor.Event.received(batch.id, Self.receipt)
      let failed = Conductor.Event.requestFailed(Self.id(1), Self.astray())
      return switch number {
      case 1: []
      case 2: isToldFirst ? [received, failed] : [failed, received]
      default: [received]
      }
    }
    #expect(code == .badData)
    #expect(conductor.disorders.doubtfulRows == 2)
  }

  @Test func `a text that is refused beside harmless ones is sent without them, and all others prove their replies`() {
    var conductor = Self.conductor(batchSize: 1, concurrency: 1)
    var sent: [(row: RowKey?, count: Int)] = []
    let refused = EmbeddingFailure(.badInput, "no", status: 400)
    _ = Self.drive(&conductor, size: 1, batchSize: 1, pages: 8) { number, batch in
      sent.append((batch.contents.rows.first?.key, batch.contents.texts.count))
      if number == 2 { return [.requestFailed(batch.id, Self.astray())] }
      if batch.contents.rows.first?.key == .integer(4) { return [.requestFailed(batch.id, refused)] }
      return [.received(batch.id, Self.receipt)]
    }
    let counts = Dictionary(grouping: sent.dropFirst(2).filter { $0.row != nil }) { $0.row }.mapValues {
      $0.map(\.count)
    }
    #expect(counts[.integer(4)]?.first == 3 && counts[.integer(4)]?.contains(1) == true)
    for key in [Int64(5), 6, 7, 8] { #expect(counts[.integer(key)] == [3], "\(key)") }
  }
}
