import Backfill
import FlyingSocks
import Foundation

/// An embeddings API of the project's own: a real listener on loopback that speaks OpenAI's protocol, and other
/// providers' at their paths (`Dialect`), computes each text's vector from the text, counts what it bills, and misbehaves as a test tells it.
package final class EmbeddingsServer: Sendable {
  package struct Options: Sendable {
    package var model = "text-embedding-3-small"
    /// Models whose vectors of a text are others.
    package var otherModels: Set<String> = []
    /// The length of the model's vectors where the request asks for no other.
    package var dimensions = 8
    /// The deployment's name at the Azure paths.
    package var deployment = "embed-prod"
    /// The key that is asked for; nil for none.
    package var apiKey: String? = "sk-test"
    package var maxInputs = 2048
    package var maxInputTokens = 8192
    package var maxRequestTokens = 300_000
    /// Reads only so many words of a text, and says nothing of it; nil for all.
    package var readsWords: Int?
    /// How a text's tokens are counted.
    package var tokens: @Sendable (String) -> Int = EmbeddingsServer.tokens(of:)
    /// Sent with each answer, e.g. x-ratelimit headers.
    package var headers: [(name: String, value: String)] = []
    /// Rate limits that are enforced, and told in the headers; the default is none.
    package var quota: ProviderQuota?
    /// The default is none.
    package var latency: Latency?
    /// The tokens that the account has credit for; the default is no end of them.
    package var creditTokens: Int?
    /// How the batch API behaves at first.
    package var batches = BatchScript()

    package init() {}
  }

  package let options: Options
  package let port: UInt16
  private let credit: Watched<Int?>
  private let pool: any AsyncSocketPool
  private let listener: Watched<Listener?>
  private let watched = Watched(Record())
  private let rules: Watched<[Rule]>
  private let quota: Watched<ProviderQuota?>
  let desk = Watched(BatchDesk())
  private let began = ContinuousClock.now

  private init(_ options: Options, rules: [Rule], pool: any AsyncSocketPool, listener: Listener) {
    self.options = options
    port = listener.port
    credit = Watched(options.creditTokens)
    self.pool = pool
    self.listener = Watched(listener)
    self.rules = Watched(rules)
    quota = Watched(options.quota)
    desk.update { $0.script = options.batches }
  }

  /// Serves while `body` runs; then every connection is closed.
  package static func run<Result>(
    _ options: Options = Options(), rules: [Rule] = [], _ body: (EmbeddingsServer) async throws -> Result
  ) async throws -> Result {
    let pool: some AsyncSocketPool = SocketPool.make()
    try await pool.prepare()
    let server = EmbeddingsServer(options, rules: rules, pool: pool, listener: try Listener(pool: pool))
    defer { server.listener.value?.close() }
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await pool.run() }
      group.addTask { await server.serve() }
      defer { group.cancelAll() }
      return try await body(server)
    }
  }

  /// The server's root, e.g. "http://127.0.0.1:40123"; OpenAI's base URL is its "/v1".
  package var root: String { "http://127.0.0.1:\(port)" }

  package var record: Record { watched.value }

  /// Adds a rule before all others.
  package func add(_ rule: Rule) { rules.update { $0.insert(rule, at: 0) } }

  /// Returns once the record is as `isReady` says.
  package func wait(until isReady: @escaping @Sendable (Record) -> Bool) async throws {
    try await watched.wait(until: isReady)
  }

  /// Refuses connections from now on, and resets those that it has at their next request.
  package func leave() {
    let listener = listener.update { listener in
      defer { listener = nil }
      return listener
    }
    listener?.shutDown()
  }

  /// Listens again, at the same port.
  package func comeBack() throws {
    let again = try Listener(pool: pool, port: port)
    listener.update { $0 = again }
  }

  private func serve() async {
    // Closed at the end: the pool would take a new socket of the same number for the one that it knows.
    var former: [Listener] = []
    defer { for listener in former { listener.close() } }
    await withDiscardingTaskGroup { group in
      while (try? await listener.wait { $0 != nil }) != nil, let current = listener.value {
        while let connection = await nextConnection(of: current) {
          let number = watched.update { record in
            record.acceptedConnections += 1
            record.openConnections += 1
            return record.acceptedConnections
          }
          group.addTask { await self.converse(connection, number) }
        }
        guard listener.value != current else { break }
        former.append(current)
      }
    }
  }

  /// Nil where this listener was shut down or the server ends. A client that is gone again before its connection is
  /// taken fails that connection alone.
  private func nextConnection(of current: Listener) async -> HTTPConnection? {
    while !Task.isCancelled, listener.value == current {
      if let connection = try? await current.accept() { return connection }
    }
    return nil
  }

  private func converse(_ connection: HTTPConnection, _ number: Int) async {
    var connection = connection
    // What ends a conversation early, a client that left or the end of the test, is no failure of the server's.
    while let message = try? await connection.nextRequest() {
      guard listener.value != nil else {
        try? connection.reset()
        break
      }
      guard (try? await attend(to: message, connection, number)) == true else { break }
    }
    connection.close()
    watched.update { $0.openConnections -= 1 }
  }

  /// Whether the connection goes on.
  private func attend(to message: HTTPMessage, _ connection: HTTPConnection, _ number: Int) async throws -> Bool {
    if Self.isOfBatches(message.path) { return try await attendToBatches(message, connection) }
    let order = (try? JSONDecoder().decode(Order.self, from: message.body))?.cut(toWords: options.readsWords)
    let texts = order?.texts ?? []
    let request = Request(
      connection: number, method: message.method, target: message.target, headers: message.headers,
      digests: texts.map(TextDigest.init(of:)), tokens: texts.reduce(0) { $0 + EmbeddingsServer.tokens(of: $1) },
      fields: order?.fields ?? [:], time: ContinuousClock.now - began)
    let requestNumber = watched.update { $0.begin(request) }
    var isInFlight = true
    defer { if isInFlight { watched.update { $0.inFlight -= 1 } } }
    let arrival = Rule.Arrival(
      number: requestNumber, connection: number, texts: texts, tokens: request.tokens,
      encodingFormat: order?.encodingFormat)
    var behaviour = rule(for: arrival)
    while case .hold(let gate, let next) = behaviour {
      guard try await client(of: connection, staysUntil: gate) else {
        watched.update { $0.departures += 1 }
        return false
      }
      behaviour = next
    }
    if let refusal = throttle(texts) { behaviour = .respond(refusal) }
    if let latency = options.latency { try await Task.sleep(for: latency.next()) }
    let delivery = delivery(behaviour, message, order, requestNumber)
    // Before the last byte: a client that has it may send its next request at once.
    if !delivery.ending.isLeftToClient {
      watched.update { $0.inFlight -= 1 }
      isInFlight = false
    }
    do {
      for piece in delivery.pieces { try await connection.write(piece) }
    } catch {
      // It can leave before it has what it is to leave after.
      if delivery.ending.isLeftToClient { watched.update { $0.departures += 1 } }
      throw error
    }
    switch delivery.ending {
    case .keep: return true
    case .close: return false
    case .reset:
      try connection.reset()
      return false
    case .stall:
      try await connection.untilDeparture()
      watched.update { $0.departures += 1 }
      return false
    case .endless(let piece, let pace):
      // Writing fails once the client has left.
      while (try? await connection.write(piece)) != nil {
        watched.update { $0.endlessPieces += 1 }
        if let pace { try await Task.sleep(for: pace) }
      }
      watched.update { $0.departures += 1 }
      return false
    }
  }

  /// The refusal of a request that passes the credit or the rate limits, which takes its part of them otherwise.
  private func throttle(_ texts: [String]) -> Response? {
    let now = ContinuousClock.now - began
    let count = texts.reduce(0) { $0 + options.tokens($1) }
    let hasCredit = credit.update { left in
      guard let credit = left else { return true }
      left = max(0, credit - count)
      return credit >= count
    }
    guard hasCredit else {
      return .error(
        429, type: "insufficient_quota", code: "credit_balance_exhausted", message: "Retrying will not restore access.")
    }
    guard let refusal = quota.update({ $0?.admit(tokens: count, at: now) }) else { return nil }
    let milliseconds = Int((refusal.retryAfter / .milliseconds(1)).rounded(.up))
    return .error(
      429, type: refusal.type, code: "rate_limit_exceeded", message: refusal.message,
      headers: [("retry-after-ms", "\(milliseconds)")])
  }

  /// Pays into the account: from now on it has credit for so many tokens.
  package func grant(tokens: Int) { credit.update { $0 = tokens } }

  /// Requests that were refused for the rate limits so far.
  package var throttled: Int { quota.value?.refusals ?? 0 }

  var quotaHeaders: [(name: String, value: String)] { quota.value?.headers ?? [] }

  func rule(for arrival: Rule.Arrival) -> Behaviour {
    rules.value.first { $0.applies(arrival) }?.behaviour ?? .answer
  }

  /// Takes back what was billed for texts.
  func forgive(_ texts: [String]) { watched.update { $0.forgive(texts, tokens: options.tokens) } }

  func bill(_ texts: [String]) { watched.update { $0.bill(texts, tokens: options.tokens) } }

  /// Whether the client is still there when the gate opens.
  private func client(of connection: HTTPConnection, staysUntil gate: Gate) async throws -> Bool {
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await gate.wait()
        return true
      }
      group.addTask {
        try await connection.untilDeparture()
        return false
      }
      defer { group.cancelAll() }
      return try await group.next() ?? false
    }
  }
}
