import Backfill

extension EmbeddingsServer {
  /// What the server has seen and done.
  package struct Record: Sendable {
    package var requests: [Request] = []
    /// How often each text was billed.
    package var billed: [TextDigest: Int] = [:]
    package var billedTokens = 0
    package var acceptedConnections = 0
    package var openConnections = 0
    /// Requests that were read and not yet answered.
    package var inFlight = 0
    package var peakInFlight = 0
    /// Clients that left before they had their reply.
    package var departures = 0
    /// How often the repeated part of a reply without end was sent.
    package var endlessPieces = 0

    private static let harmless = TextDigest(of: "vecfill")

    /// How often texts were billed beyond their first time, but for the harmless one that no row waits for.
    package var billedAgain: Int { billed.reduce(0) { $0 + ($1.key == Record.harmless ? 0 : $1.value - 1) } }

    /// How many texts were billed more than once.
    package var billedTwice: Int { billed.values.count { $0 > 1 } }

    /// The number of the request that begins.
    mutating func begin(_ request: Request) -> Int {
      requests.append(request)
      inFlight += 1
      peakInFlight = max(peakInFlight, inFlight)
      return requests.count - 1
    }

    mutating func forgive(_ texts: [String], tokens: (String) -> Int) {
      for text in texts {
        let digest = TextDigest(of: text)
        billed[digest] = billed[digest].flatMap { $0 > 1 ? $0 - 1 : nil }
        billedTokens -= tokens(text)
      }
    }

    mutating func bill(_ texts: [String], tokens: (String) -> Int) {
      for text in texts {
        billed[TextDigest(of: text), default: 0] += 1
        billedTokens += tokens(text)
      }
    }
  }

  /// A request as it arrived.
  package struct Request: Sendable {
    /// The first connection is 1.
    package let connection: Int
    package let method: String
    /// The path and query, or the whole URL where a proxy is asked.
    package let target: String
    /// By their names in lower case.
    package let headers: [String: String]
    /// The inputs' digests, in order; empty where the body is no request for embeddings.
    package let digests: [TextDigest]
    /// The tokens of its inputs.
    package let tokens: Int
    /// What its body says beside the texts, by field; in Gemini's dialect what the first of its requests says.
    package let fields: [String: JSONValue]
    /// Since the server began.
    package let time: Duration
  }
}
