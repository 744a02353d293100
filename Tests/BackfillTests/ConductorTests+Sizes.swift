import Backfill
import Testing

/// Requests that fail for their size, whatever they say.
extension ConductorTests {
  /// Fills 1,000 rows in requests of 100, two at once. Returns the texts that were sent, and what was learned.
  private static func fill(
    _ failure: (_ texts: Int, _ now: Int) -> EmbeddingFailure?
  ) -> (sent: Int, largest: [Int], learned: FailingSize?, written: Int) {
    var conductor = Self.conductor(batchSize: 100)
    var contents: [BatchID: Int] = [:]
    var open: [Batch] = []
    var (sent, now, pages) = (0, 0, 0)
    var largest: [Int] = []
    var pending: [Conductor.Event] = [.started]
    while now < 100_000 {
      now += 1
      let event: Conductor.Event
      if !pending.isEmpty {
        event = pending.removeFirst()
      } else if !open.isEmpty {
        let batch = open.removeFirst()
        let count = batch.contents.texts.count
        if let failure = failure(count, now) {
          event = .requestFailed(batch.id, failure)
        } else {
          event = .received(batch.id, Self.receipt)
        }
      } else {
        event = .woken
      }
      for action in conductor.handle(event, at: .seconds(now)) {
        switch action {
        case .readLastKey: pending.append(.lastKeyRead(.integer(1_000)))
        case .readPage:
          pages += 1
          pending.append(.pageRead(pages == 1 ? Self.page(1...1_000, batchSize: 100) : Self.emptyPage))
        case .request(let batch, _, _):
          let count = batch.contents.texts.count
          sent += count
          largest.append(count)
          contents[batch.id] = batch.contents.rows.count
          open.append(batch)
        case .write(let write):
          pending.append(Self.written(write.parts.map { ($0.batch, rows: contents[$0.batch] ?? 0) }, by: write.writer))
        case .settle: pending.append(.settled)
        case .end: return (sent, largest, conductor.failingSize, conductor.tally.written)
        default: break
        }
      }
    }
    return (sent, largest, conductor.failingSize, 0)
  }

  private static var wrongCount: EmbeddingFailure {
    var failure = EmbeddingFailure(.brokenReply, "it has 1 vectors for 100 texts", status: 200, mayHaveBeenBilled: true)
    failure.isOfCount = true
    return failure
  }

  @Test(arguments: [
    (wrongCount, 1, 1_500), (EmbeddingFailure(.transient, "bad gateway", status: 502), 20, 4_000),
    (EmbeddingFailure(.transient, "the reply ended early", mayHaveBeenBilled: true), 25, 4_000),
    (EmbeddingFailure(.timedOut, "no whole reply", mayHaveBeenBilled: true), 50, 3_000),
    (EmbeddingFailure(.brokenReply, "not JSON", status: 200, mayHaveBeenBilled: true), 12, 2_500),
  ])
  func `a size that always fails, without a word of it, is found out once`(
    _ failure: EmbeddingFailure, most: Int, mostSent: Int
  ) throws {
    let run = Self.fill { texts, _ in texts > most ? failure : nil }
    #expect(run.written == 1_000)
    #expect(run.sent <= mostSent, "\(run.sent)")
    let learned = try #require(run.learned)
    #expect(learned.inputs > most && learned.passing <= most)
    #expect("\(learned)".hasSuffix("set batch_size: \(learned.passing)"))
    #expect(run.largest.suffix(10).allSatisfy { $0 <= most })
  }

  @Test(arguments: [1, 2, 3, 5])
  func `an outage makes no request smaller for ever`(outages: Int) {
    let run = Self.fill { _, now in
      let isAway = (10..<20).contains(now % 30) && now / 30 < outages
      return isAway ? EmbeddingFailure(.transient, "busy", status: 503) : nil
    }
    #expect(run.written == 1_000)
    #expect(run.learned == nil)
  }

  @Test(arguments: [2, 3, 4])
  func `what fails by chance makes no request smaller for ever`(every: Int) {
    var count = 0
    let run = Self.fill { texts, _ in
      guard texts == 100 else { return nil }
      count += 1
      return count.isMultiple(of: every) ? Self.wrongCount : nil
    }
    #expect(run.written == 1_000)
    #expect(run.learned == nil)
  }
}
