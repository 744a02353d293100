import TestSupport
import Testing

@testable import Backfill

extension ConductorTests {
  private static func sharing(
    budget: Double? = nil, share: Double = 1,
    limits: Job.Limits = Job.Limits(requestsPerMinute: 600, tokensPerMinute: 100_000)
  ) -> Conductor {
    var limits = limits
    limits.share = share
    let job = Job(
      name: "job", sources: [Source(table: "a")],
      model: Model(name: "m", dimensions: 4, usdPerMillionTokens: 1_000_000), batchSize: 2, concurrency: 2, writers: 1,
      limits: limits, budget: budget.map { Job.Budget(usd: $0) })
    return Conductor(
      job: job, policy: RunPolicy(), run: 1, watermarks: [nil], spooled: [], spent: 0, shares: true,
      random: SeededGenerator(seed: 1))
  }

  /// What is asked for and what is sent.
  private struct Asked: Equatable {
    var asks: [ShareAsk] = []
    var sent: [BatchID] = []
  }

  private static func asked(_ actions: [Conductor.Action]) -> Asked {
    var (asks, sent) = ([ShareAsk](), [BatchID]())
    for action in actions {
      switch action {
      case .claim(let ask): asks.append(ask)
      case .request(let batch, _, _): sent.append(batch.id)
      default: break
      }
    }
    return Asked(asks: asks, sent: sent)
  }

  private static func grant(committed: Double = 1_000, others: Double = 0) -> ShareGrant {
    var grant = ShareGrant()
    (grant.requests, grant.tokens) = (100, 100_000)
    grant.slice = ShareAmount(requests: 8, tokens: 1_000)
    grant.limits = Job.Limits(requestsPerMinute: 600, tokensPerMinute: 100_000)
    (grant.committed, grant.others) = (committed, others)
    return grant
  }

  @Test func `nothing is sent before a slice is granted, and one that lapsed is asked for again`() throws {
    var conductor = Self.sharing(share: 0.5)
    _ = conductor.handle(.started, at: .zero)
    _ = conductor.handle(.lastKeyRead(.integer(9)), at: .zero)
    let first = Self.asked(conductor.handle(.pageRead(Self.page(1...4)), at: .zero))
    #expect(first.sent.isEmpty && first.asks.count == 1)
    #expect(first.asks.first?.limits == Job.Limits(requestsPerMinute: 300, tokensPerMinute: 50_000))
    // A claim is under way.
    #expect(Self.asked(conductor.handle(.woken, at: .seconds(1))) == Asked())
    let second = Self.asked(conductor.handle(.granted(Self.grant()), at: .seconds(1)))
    #expect(second.sent.count == 1)
    let late = try #require(second.sent.first)
    #expect(conductor.sliceLapses == .seconds(SharedPool.lifetime))
    // It stood still before it was sent: it is sent with the next slice, as the same batch.
    let third = Self.asked(conductor.handle(.lapsed(late), at: .seconds(9)))
    #expect(third.sent.isEmpty && third.asks.count == 1)
    #expect(Self.asked(conductor.handle(.granted(Self.grant()), at: .seconds(9))).sent.first == late)
    #expect(conductor.tally.requests == 1)
  }

  @Test func `money that others have spent ends the run before it is passed`() throws {
    var conductor = Self.sharing(budget: 40)
    _ = conductor.handle(.started, at: .zero)
    _ = conductor.handle(.lastKeyRead(.integer(9)), at: .zero)
    let first = Self.asked(conductor.handle(.pageRead(Self.page(1...1)), at: .zero))
    let ask = try #require(first.asks.first)
    #expect(ask.dollars.budget == 40 && ask.dollars.least > 0)
    let actions =
      conductor.handle(.granted(Self.grant(committed: 0, others: 39)), at: .seconds(1))
      + conductor.handle(.pageRead(Self.emptyPage), at: .seconds(1))
    #expect(Self.asked(actions).sent.isEmpty)
    guard case .end(.failed(let failure))? = actions.last else {
      Issue.record("it goes on: \(actions)")
      return
    }
    #expect(failure.exitCode == .budget && failure.reason.contains("by all that share it"), "\(failure)")
  }

  @Test func `money that others have only reserved is waited for`() throws {
    var conductor = Self.sharing(budget: 40)
    _ = conductor.handle(.started, at: .zero)
    _ = conductor.handle(.lastKeyRead(.integer(9)), at: .zero)
    _ = conductor.handle(.pageRead(Self.page(1...1)), at: .zero)
    var grant = Self.grant(committed: 0, others: 39)
    grant.mayReturn = 30
    let actions = conductor.handle(.granted(grant), at: .seconds(1))
    #expect(Self.asked(actions) == Asked())
    #expect(actions.contains(.wake(at: .seconds(1.25))))
    #expect(Self.asked(conductor.handle(.woken, at: .seconds(1.25))).asks.count == 1)
    #expect(Self.asked(conductor.handle(.granted(Self.grant()), at: .seconds(1.3))).sent.count == 1)
  }

  @Test func `the pool hears at once of a request that was more than it holds`() throws {
    var conductor = Self.sharing()
    _ = conductor.handle(.started, at: .zero)
    _ = conductor.handle(.lastKeyRead(.integer(9)), at: .zero)
    _ = conductor.handle(.pageRead(Self.page(1...4)), at: .zero)
    var grant = Self.grant()
    (grant.requests, grant.slice.requests, grant.limits.requestsPerMinute) = (1, 0.4, 30)
    let sent = Self.asked(conductor.handle(.granted(grant), at: .seconds(1)))
    #expect(sent.sent.count == 1 && sent.asks.count == 1)
    #expect(sent.asks.first?.used.requests == 1 && sent.asks.first?.next == ShareAmount())
    // Once is enough.
    #expect(Self.asked(conductor.handle(.granted(grant), at: .seconds(1.01))).asks.allSatisfy { $0.next.requests == 1 })
  }

  @Test(arguments: [false, true])
  func `where tokens are estimated, the first reply is awaited before anything is sent beside it`(isExact: Bool) throws
  {
    var conductor = Self.sharing(limits: Self.ample)
    _ = conductor.handle(.started, at: .zero)
    _ = conductor.handle(.lastKeyRead(.integer(9)), at: .zero)
    let packer = Packer(preparation: TextPreparation(), maxInputs: 2, countsExactly: isExact) { $0.utf8.count }
    let messages = (1...4).map { Message(key: .integer($0), text: "text \($0)") }
    _ = conductor.handle(.pageRead(packer.pack(MessagePage(messages, continuesAfter: .integer(4)))), at: .zero)
    let sent = Self.asked(conductor.handle(.granted(Self.grant()), at: .seconds(1))).sent
    #expect(sent.count == (isExact ? 2 : 1))
    let reply = Conductor.Event.received(try #require(sent.first), Conductor.Receipt(billedTokens: 30, latency: .zero))
    #expect(Self.asked(conductor.handle(reply, at: .seconds(1.1))).sent.count == (isExact ? 0 : 1))
  }

  @Test(arguments: [(billed: 90, told: 90), (1, nil)])
  func `the pool hears what the provider counts where that is more`(billed: Int, told: Double?) throws {
    var conductor = Self.sharing()
    _ = conductor.handle(.started, at: .zero)
    _ = conductor.handle(.lastKeyRead(.integer(9)), at: .zero)
    _ = conductor.handle(.pageRead(Self.page(1...4)), at: .zero)
    let sent = Self.asked(conductor.handle(.granted(Self.grant()), at: .seconds(1)))
    let reckoned = try #require(conductor.returned?.used.tokens)
    #expect(reckoned > 1 && reckoned < 90)
    _ = conductor.handle(
      .received(try #require(sent.sent.first), Conductor.Receipt(billedTokens: billed, latency: .zero)), at: .seconds(2)
    )
    #expect(conductor.returned?.used.tokens == told ?? reckoned)
  }

  @Test func `what is still under way when a run ends may have been paid`() throws {
    var conductor = Self.sharing()
    _ = conductor.handle(.started, at: .zero)
    _ = conductor.handle(.lastKeyRead(.integer(9)), at: .zero)
    _ = conductor.handle(.pageRead(Self.page(1...4)), at: .zero)
    #expect(conductor.returned?.spent == 0)
    #expect(Self.asked(conductor.handle(.granted(Self.grant()), at: .seconds(1))).sent.count == 1)
    #expect(conductor.returned?.spent == conductor.spending.reserved && conductor.spending.reserved > 0)
    #expect(conductor.returned?.used.requests == 1)
  }
}
