import Backfill
import Testing

/// How often the endpoint is asked, before its first answer and later.
extension ConductorTests {
  @Test func `a host that was never reached is tried twice, then once with a harmless text`() {
    var conductor = Self.conductor(concurrency: 1)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...2)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    let failure = EmbeddingFailure(.unreachable, "no address is known")
    _ = conductor.tell(.requestFailed(Self.id(1), failure))
    #expect(conductor.tell(.woken, at: 1) == ["request 1 x2 again"])
    #expect(conductor.tell(.requestFailed(Self.id(1), failure), at: 1) == ["request 2 x1"])
    #expect(conductor.tell(.requestFailed(Self.id(2), failure), at: 1) == ["end 78"])
  }

  @Test func `one broken server of several does not end a run by its answer to a harmless text`() {
    var conductor = Self.conductor(concurrency: 1)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...4)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    _ = conductor.tell(.received(Self.id(1), Self.receipt), at: 1)
    let failure = EmbeddingFailure(.brokenReply, "no JSON")
    #expect(conductor.tell(.requestFailed(Self.id(2), failure), at: 2) == ["request 3 x1"])
    for time in [1.0, 2, 3] {
      #expect(conductor.tell(.requestFailed(Self.id(3), failure), at: 10 * time).allSatisfy { $0.hasPrefix("wake") })
      #expect(conductor.tell(.woken, at: 10 * time + 9) == ["request 3 x1 again"])
    }
    #expect(conductor.tell(.requestFailed(Self.id(3), failure), at: 40).allSatisfy { !$0.hasPrefix("wake") })
    #expect(conductor.isStopping)
  }

  @Test(arguments: [true, false])
  func `an input without a vector is asked for behind a harmless text, whose vector shows that the server works`(
    isAtFault: Bool
  ) {
    var conductor = Self.conductor(batchSize: 2, concurrency: 1)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...2, batchSize: 2)))
    let partly = Conductor.Receipt(billedTokens: 1, latency: .zero, unusable: [1: "no vector"])
    #expect(conductor.tell(.received(Self.id(1), partly), at: 1).contains("request 3 x2"))
    let other = Conductor.Receipt(billedTokens: 1, latency: .zero, unusable: [isAtFault ? 1 : 0: "no vector"])
    let actions = conductor.tell(.received(Self.id(3), other), at: 2)
    #expect(actions.contains { $0.contains("condemning 2 as brokenReply") } == isAtFault, "\(actions)")
  }

  @Test(arguments: EmbeddingFailure.Kind.allCases.filter { ![.stop, .hold].contains($0.failureClass.reaction) })
  func `no number of failures at servers that never answered condemns an input soon`(_ kind: EmbeddingFailure.Kind) {
    var failure = EmbeddingFailure(kind, "no")
    for (isUntried, fewest) in [(true, 19), (false, 1)] {
      failure.isOfUntriedServer = isUntried
      var conductor = Self.conductor(
        concurrency: 1, policy: RunPolicy(retry: RetryPolicy(maxOutage: .seconds(1 << 20))))
      var pending: [Conductor.Event] = [
        .started, .lastKeyRead(.integer(99)), .pageRead(Self.page(1...1)), .pageRead(Self.emptyPage),
      ]
      var (tries, time, wasCondemned) = (0, Duration.zero, false)
      while !pending.isEmpty, !wasCondemned {
        time += .seconds(100)
        for action in conductor.handle(pending.removeFirst(), at: time) {
          switch action {
          case .request(let batch, _, _):
            if !batch.isProbe { tries += 1 }
            pending.append(
              batch.isProbe ? .received(batch.id, Self.receipt) : .requestFailed(batch.id, failure))
          case .settle(let settlement):
            wasCondemned = wasCondemned || !settlement.condemned.isEmpty
            pending.append(.settled)
          case .wake: pending.append(.woken)
          default: break
          }
        }
      }
      #expect(wasCondemned)
      #expect(isUntried ? tries >= fewest : (1...8).contains(tries), "\(tries)")
    }
  }

  /// The outage failed the input and the probe at a server that had answered.
  @Test(arguments: [
    EmbeddingFailure(.brokenReply, "garbled", status: 200), EmbeddingFailure(.timedOut, "late"),
    EmbeddingFailure(.transient, "broken", status: 500),
  ])
  func `after an outage, servers that never answered condemn an input no sooner`(_ failure: EmbeddingFailure) {
    var untried = failure
    untried.isOfUntriedServer = true
    var conductor = Self.conductor(
      batchSize: 1, concurrency: 1, policy: RunPolicy(retry: RetryPolicy(maxOutage: .seconds(1 << 20))))
    var pending: [Conductor.Event] = [.started]
    var (failedProbes, tries, time, isRead, wasCondemned) = (0, 0, Duration.zero, false, false)
    while !pending.isEmpty, !wasCondemned {
      time += .seconds(100)
      for action in conductor.handle(pending.removeFirst(), at: time) {
        switch action {
        case .request(let batch, _, _):
          let isHarmless = batch.isProbe ? failedProbes > 0 : batch.contents.rows.first?.key == .integer(1)
          if isHarmless {
            pending.append(.received(batch.id, Self.receipt))
          } else if failedProbes == 0 {
            if batch.isProbe { failedProbes += 1 }
            pending.append(.requestFailed(batch.id, EmbeddingFailure(.transient, "away", status: 503)))
          } else {
            tries += 1
            pending.append(.requestFailed(batch.id, untried))
          }
        case .write(let write): pending.append(Self.written(write.parts.map { ($0.batch, rows: 1) }))
        case .settle(let settlement):
          wasCondemned = wasCondemned || !settlement.condemned.isEmpty
          pending.append(.settled)
        case .wake: pending.append(.woken)
        case .readLastKey: pending.append(.lastKeyRead(.integer(99)))
        case .readPage:
          pending.append(.pageRead(isRead ? Self.emptyPage : Self.page(1...2, batchSize: 1)))
          isRead = true
        default: break
        }
      }
    }
    #expect(wasCondemned && failedProbes == 1 && tries >= 19, "\(failedProbes), \(tries)")
  }

  @Test(arguments: [
    EmbeddingFailure(.timedOut, "no whole reply came in time"), EmbeddingFailure(.transient, "busy", status: 503),
    EmbeddingFailure(.transient, "overloaded", status: 529), EmbeddingFailure(.rateLimited, "slower", status: 429),
  ])
  func `what tells of too much at once halves the requests side by side`(_ failure: EmbeddingFailure) {
    var conductor = Self.conductor(concurrency: 8)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...32)))
    #expect(conductor.inFlight == 8)
    _ = conductor.tell(.requestFailed(Self.id(1), failure), at: 1)
    #expect(conductor.inFlight == 7)
    for number in 2...4 { _ = conductor.tell(.received(Self.id(number), Self.receipt), at: 2) }
    #expect(conductor.inFlight == 4)
  }

  @Test func `a fault of one request leaves the others as they are`() {
    var conductor = Self.conductor(concurrency: 8)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...32)))
    _ = conductor.tell(.requestFailed(Self.id(1), EmbeddingFailure(.transient, "reset")), at: 1)
    #expect(conductor.inFlight == 8)
  }
}
