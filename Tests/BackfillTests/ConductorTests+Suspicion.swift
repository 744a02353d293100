import Backfill
import Testing

/// A text whose request fails because of another one, and that then fails by chance.
extension ConductorTests {
  struct Suspect: CustomTestStringConvertible, Sendable {
    /// How the request fails that both are in.
    let whole: EmbeddingFailure
    /// How the healthy one then fails alone, and how often before it is answered.
    let alone: EmbeddingFailure
    let failures: Int
    let isCondemned: Bool

    var testDescription: String {
      "\(whole.kind) \(whole.status ?? 0), then \(failures) times \(alone.kind) \(alone.status ?? 0)"
    }

    static let busy = EmbeddingFailure(.transient, "busy", status: 503)
    static let fails = EmbeddingFailure(.transient, "EOF", status: 500)
    static let reset = EmbeddingFailure(.transient, "reset")
    static let slow = EmbeddingFailure(.timedOut, "no reply")
    static let unheardOf = EmbeddingFailure(.unrecognized, "what", status: 451)
    static let forbidden = EmbeddingFailure(.forbidden, "html", status: 403)

    static let all: [Suspect] = [
      Suspect(whole: unheardOf, alone: busy, failures: 3, isCondemned: false),
      Suspect(whole: unheardOf, alone: busy, failures: 5, isCondemned: false),
      Suspect(whole: fails, alone: busy, failures: 3, isCondemned: false),
      Suspect(whole: reset, alone: busy, failures: 5, isCondemned: false),
      Suspect(whole: slow, alone: fails, failures: 5, isCondemned: false),
      Suspect(whole: busy, alone: slow, failures: 3, isCondemned: false),
      Suspect(whole: fails, alone: forbidden, failures: 3, isCondemned: false),
      // What fails on and on is condemned all the same.
      Suspect(whole: unheardOf, alone: busy, failures: 6, isCondemned: true),
      Suspect(whole: fails, alone: forbidden, failures: 4, isCondemned: true),
      // And what fails as its request did, after three failures.
      Suspect(whole: busy, alone: busy, failures: 3, isCondemned: true),
      Suspect(whole: unheardOf, alone: unheardOf, failures: 3, isCondemned: true),
      Suspect(whole: slow, alone: slow, failures: 3, isCondemned: true),
    ]
  }

  @Test(arguments: Suspect.all)
  func `three failures condemn a text only if they look like its request's`(_ suspect: Suspect) {
    var conductor = Self.conductor(
      batchSize: 2, concurrency: 1, policy: RunPolicy(retry: RetryPolicy(maxOutage: .seconds(1 << 20))))
    var pending: [Conductor.Event] = [
      .started, .lastKeyRead(.integer(99)), .pageRead(Self.page(1...2, batchSize: 2)), .pageRead(Self.emptyPage),
    ]
    var (failures, time) = (0, Duration.zero)
    var condemned: [RowKey] = []
    while !pending.isEmpty {
      time += .seconds(100)
      for action in conductor.handle(pending.removeFirst(), at: time) {
        switch action {
        case .request(let batch, _, _):
          if batch.contents.texts.contains("text 1") {
            pending.append(.requestFailed(batch.id, suspect.whole))
          } else if batch.contents.texts == ["text 2"], failures < suspect.failures {
            failures += 1
            pending.append(.requestFailed(batch.id, suspect.alone))
          } else {
            pending.append(.received(batch.id, Self.receipt))
          }
        case .settle(let settlement):
          condemned += settlement.condemned.map(\.key)
          pending.append(.settled)
        case .wake: pending.append(.woken)
        default: break
        }
      }
    }
    #expect(Set(condemned) == (suspect.isCondemned ? [.integer(1), .integer(2)] : [.integer(1)]))
    #expect(failures == suspect.failures)
  }
}
