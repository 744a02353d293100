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
