import Backfill
import Foundation
import TestSupport
import Testing

@testable import Monitoring

/// Clients that connect and say nothing, at a real listener.
@Suite struct BoundedSocketsTests {
  /// Runs `body` with the port of a listener.
  private static func listening(_ sockets: BoundedSockets, _ body: (Int) async throws -> Void) async throws {
    let wanted = try #require(ListenAddress(":0"))
    let listener = try await Listener(wanted, Answers(monitor: monitor()), sockets: sockets)
    let serving = Task { try await listener.run() }
    do {
      try await body(Int(listener.address.port))
    } catch {
      serving.cancel()
      throw error
    }
    serving.cancel()
    try await serving.value
  }

  @Test(.timeLimit(.minutes(1))) func `a silent client is ended when its time is over`() async throws {
    try await Self.listening(BoundedSockets(patience: .milliseconds(50))) { port in
      let clients = try SilentClients(3, port: port)
      while clients.ended < 3 { await Task.yield() }
    }
  }

  @Test(.timeLimit(.minutes(1))) func `of too many silent clients only as many stay as may`() async throws {
    try await Self.listening(BoundedSockets(most: 2)) { port in
      let clients = try SilentClients(20, port: port)
      while clients.ended < 18 { await Task.yield() }
      let later = try SilentClients(2, port: port)
      while clients.ended < 20 { await Task.yield() }
      #expect(later.ended == 0)
    }
  }

  @Test func `each reason to wait has a code that a machine can keep, and words`() {
    for waiting in Waiting.allCases {
      #expect(waiting.rawValue.wholeMatch(of: /[a-z]+(_[a-z]+)*/) != nil, "\(waiting)")
      #expect(MetricGauges.label("\(waiting)") == waiting.rawValue)
      #expect(!waiting.words.isEmpty)
    }
  }
}
