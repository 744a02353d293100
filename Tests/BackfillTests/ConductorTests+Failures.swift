import Backfill
import Testing

/// What a conductor does when requests fail, and how it isolates what makes them fail.
extension ConductorTests {
  @Test(arguments: [
    (EmbeddingFailure.Kind.denied, 77), (.quotaExhausted, 82),
  ])
  func `a failure that waiting can't help ends the run with its own code`(kind: EmbeddingFailure.Kind, code: Int) {
    var conductor = Self.conductor(concurrency: 1)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...2)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    #expect(conductor.tell(.requestFailed(Self.id(1), EmbeddingFailure(kind, "no"))) == ["end \(code)"])
  }

  @Test(arguments: [(EmbeddingFailure.Kind.denied, 77), (.quotaExhausted, 82)], [true, false])
  func `after an answer a refusal of the account is asked again once, and the same text ends the run the second time`(
    _ refusal: (kind: EmbeddingFailure.Kind, code: Int), _ passes: Bool
  ) {
    var conductor = Self.conductor(concurrency: 1)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...4)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    _ = conductor.tell(.received(Self.id(1), Self.receipt), at: 1)
    let failure = EmbeddingFailure(refusal.kind, "no")
    #expect(conductor.tell(.requestFailed(Self.id(2), failure), at: 2).allSatisfy { $0.hasPrefix("wake") })
    #expect(!conductor.isStopping)
    #expect(conductor.tell(.woken, at: 9) == ["request 2 x2 again"])
    if passes {
      _ = conductor.tell(.received(Self.id(2), Self.receipt), at: 10)
      #expect(!conductor.isStopping)
    } else {
      _ = conductor.tell(.requestFailed(Self.id(2), failure), at: 10)
      #expect(conductor.isStopping)
    }
  }

  @Test func `a passing failure is retried after what the provider asks for`() {
    var conductor = Self.conductor(concurrency: 1)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...2)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    let failure = EmbeddingFailure(.transient, "busy", status: 503, retryAfter: .seconds(7))
    #expect(conductor.tell(.requestFailed(Self.id(1), failure), at: 1) == ["wake 8"])
    #expect(conductor.tell(.woken, at: 8) == ["request 1 x2 again"])
    #expect(conductor.tally.retries == 1)
  }

  @Test func `a provider that fails everything for longer than the outage allowed ends the run`() {
    let policy = RunPolicy(retry: RetryPolicy(maxOutage: .seconds(10)))
    var conductor = Self.conductor(concurrency: 1, policy: policy)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...2)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    _ = conductor.tell(.requestFailed(Self.id(1), EmbeddingFailure(.unreachable, "refused")), at: 1)
    _ = conductor.tell(.woken, at: 5)
    #expect(conductor.tell(.requestFailed(Self.id(1), EmbeddingFailure(.transient, "reset")), at: 11) == ["end 69"])
  }

  @Test(arguments: [true, false]) func `a broken reply is judged by a harmless text`(isAnswered: Bool) {
    var conductor = Self.conductor(concurrency: 1)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...2)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    let failure = EmbeddingFailure(.brokenReply, "3 vectors for 2 inputs")
    #expect(conductor.tell(.requestFailed(Self.id(1), failure)) == ["request 2 x1"])
    if isAnswered {
      #expect(conductor.tell(.received(Self.id(2), Self.receipt)) == ["request 3 x1", "settle 2"])
    } else {
      #expect(conductor.tell(.requestFailed(Self.id(2), failure)) == ["end 65"])
    }
  }

  // MARK: Poison

  @Test(arguments: 0..<64) func `one bad input among 64 is isolated in two requests a halving`(bad: Int) throws {
    var conductor = Self.conductor(batchSize: 64, concurrency: 4)
    var open: [Batch] = []
    var requests = 0
    var condemned: [RowKey] = []
    var pending: [Conductor.Event] = [
      .started, .lastKeyRead(.integer(99)), .pageRead(Self.page(0...63, batchSize: 64)), .pageRead(Self.emptyPage),
    ]
    while !pending.isEmpty || !open.isEmpty {
      let event: Conductor.Event
      if pending.isEmpty {
        let batch = open.removeFirst()
        let isBad = batch.contents.texts.contains("text \(bad)")
        event =
          isBad
          ? .requestFailed(batch.id, EmbeddingFailure(.badInput, "no")) : .received(batch.id, Self.receipt)
      } else {
        event = pending.removeFirst()
      }
      for action in conductor.handle(event, at: .zero) {
        switch action {
        case .request(let batch, _, _):
          requests += 1
          open.append(batch)
        case .settle(let settlement):
          condemned += settlement.condemned.map(\.key)
          pending.append(.settled)
        default: break
        }
      }
    }
    #expect(condemned == [.integer(Int64(bad))])
    // A harmless text comes first: nothing has been answered yet.
    #expect(requests == 1 + 1 + 2 * 6)
  }

  @Test func `a bad input that the provider names is isolated at once`() {
    var conductor = Self.conductor(batchSize: 8, concurrency: 4)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...8, batchSize: 8)))
    let failure = EmbeddingFailure(.badInput, "too long", badIndex: 2)
    #expect(conductor.tell(.requestFailed(Self.id(1), failure)) == ["request 2 x1"])
    let actions = conductor.tell(.received(Self.id(2), Self.receipt))
    #expect(actions.filter { $0.hasPrefix("request") } == ["request 3 x2", "request 4 x1", "request 5 x5"])
  }

  @Test(arguments: [true, false]) func `a lone refused input is judged by a harmless one`(isAnswered: Bool) {
    var conductor = Self.conductor(concurrency: 1, policy: RunPolicy(maxQuarantined: 1))
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...1)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    let refused = EmbeddingFailure(.badInput, "no")
    #expect(conductor.tell(.requestFailed(Self.id(1), refused)) == ["request 2 x1"])
    if isAnswered {
      #expect(conductor.tell(.received(Self.id(2), Self.receipt)) == ["settle 2,1 up to 99, condemning 1 as badInput"])
    } else {
      #expect(conductor.tell(.requestFailed(Self.id(2), refused)) == ["end 65"])
    }
  }

  @Test func `rows of the spool that take no vector are counted though the last sweep is over`() {
    var conductor = Conductor(
      job: Job(name: "job", sources: [Source(table: "a")], model: Model(name: "model", dimensions: 3)),
      policy: RunPolicy(), run: 1, watermarks: [nil],
      spooled: [Conductor.Spooled(id: BatchID(run: 0, number: 1), source: 0, rows: 1)], spent: 0)
    let row = BatchRow(key: .integer(1), digest: TextDigest(of: "text"), input: 0)
    var batch = WriteReport.Batch(id: BatchID(run: 0, number: 1))
    batch.unfilled = [row]
    #expect(conductor.tell(.started) == ["write 1"])
    #expect(conductor.tell(.written(WriteReport(batches: [batch]), writer: 0)) == ["last 0", "wake 0"])
    _ = conductor.tell(.lastKeyRead(.integer(1)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    _ = conductor.tell(.settled)
    #expect(conductor.tell(.woken, at: 1) == ["write 1 only 1"])
    #expect(
      conductor.tell(.written(WriteReport(batches: [batch]), writer: 0), at: 1).first?.contains("condemning 1") == true)
    #expect(conductor.tell(.settled, at: 1) == ["end 83"])
  }
}
