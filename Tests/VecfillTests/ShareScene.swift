import Foundation
import TestSupport

/// Jobs on tables of their own in one database, with a ledger each, which share one limit.
struct ShareScene {
  let scene: Scene

  func table(_ number: Int) -> String { "messages_\(number)" }

  /// Makes table `number` with `rows` messages, and its job.
  func make(_ number: Int, rows: Int, text: String, isShared: Bool = true, spec: String) async throws {
    try await scene.database.run(
      """
      CREATE TABLE \(table(number)) (id serial PRIMARY KEY, content text NOT NULL, embedding vector(8));
      INSERT INTO \(table(number)) (content)
      SELECT '\(number) ' || n || ' \(text)' FROM generate_series(1, \(rows)) n
      """)
    try Data(
      """
      name: job\(number)
      sources:
        - table: \(table(number))
      model: text-embedding-3-small
      dimensions: 8
      share: \(isShared ? "database" : "none")
      \(spec)
      """.utf8
    ).write(to: URL(fileURLWithPath: scene.folder.file("job\(number).yaml")))
  }

  func start(_ number: Int, _ arguments: [String] = []) throws -> VecfillProcess {
    try scene.start(
      ["run", "job\(number).yaml"] + arguments, ["VECFILL_LEDGER": scene.folder.file("ledger\(number)/vecfill.db")])
  }

  /// Rows without the vector of their own text; with `mayLack` those with another one.
  func wrongRows(_ number: Int, mayLack: Bool = false) async throws -> Int {
    try await scene.database.rows("SELECT content, embedding::text FROM \(table(number))").count { row in
      guard !mayLack || row[1] != nil else { return false }
      let right = EmbeddingsServer.vector(for: row[0] ?? "", dimensions: 8)
      let vector = (row[1] ?? "").dropFirst().dropLast().split(separator: ",").compactMap { Float($0) }
      return vector.count != right.count || !zip(vector, right).allSatisfy { abs($0 - $1) < 1e-5 }
    }
  }

  /// Python that sends `perSecond` requests a second as another client of the account, until its standard input ends, and
  /// then says how many it sent and how many were refused.
  static let application = """
    import http.client, json, sys, threading, time, urllib.parse
    url, per_second, lanes = urllib.parse.urlsplit(sys.argv[1]), float(sys.argv[2]), 16
    ended, began, statuses = threading.Event(), time.monotonic(), []
    def ask(lane):
      connection, sent = http.client.HTTPConnection(url.netloc), 0
      while not ended.wait(max(0, began + (lane + sent * lanes) / per_second - time.monotonic())):
        body = json.dumps({"model": "text-embedding-3-small", "input": [f"question {lane} {sent}"], "dimensions": 8})
        connection.request("POST", url.path + "/embeddings", body, {"user-agent": "application"})
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
        sent += 1
    threads = [threading.Thread(target=ask, args=(lane,)) for lane in range(lanes)]
    for thread in threads: thread.start()
    sys.stdin.read()
    ended.set()
    for thread in threads: thread.join()
    print(len(statuses), statuses.count(429))
    """

  /// The most requests and tokens that the server got in any `seconds`.
  func most(in seconds: Int) -> (requests: Int, tokens: Int) {
    let requests = scene.server.record.requests
    var (most, sum, first) = ((requests: 0, tokens: 0), (requests: 0, tokens: 0), 0)
    for request in requests {
      sum = (sum.requests + 1, sum.tokens + request.tokens)
      while requests[first].time <= request.time - .seconds(seconds) {
        sum = (sum.requests - 1, sum.tokens - requests[first].tokens)
        first += 1
      }
      most = (max(most.requests, sum.requests), max(most.tokens, sum.tokens))
    }
    return most
  }

  /// How many seconds of its limits a provider's bucket had to hold at the least so that it would have refused nothing.
  func burst(requestsPerMinute: Int, tokensPerMinute: Int) -> Double {
    var (level, most, last) = ((requests: 0.0, tokens: 0.0), 0.0, Duration.zero)
    for request in scene.server.record.requests {
      let passed = (request.time - last) / .seconds(1)
      last = request.time
      level.requests = max(0, level.requests - passed) + 60 / Double(requestsPerMinute)
      level.tokens = max(0, level.tokens - passed) + Double(request.tokens) * 60 / Double(tokensPerMinute)
      most = max(most, level.requests, level.tokens)
    }
    return most
  }
}
