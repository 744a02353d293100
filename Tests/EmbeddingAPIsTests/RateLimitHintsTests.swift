import Backfill
import TestSupport
import Testing

@testable import EmbeddingAPIs

@Suite(.timeLimit(.minutes(1)))
struct RateLimitHintsTests {
  @Test func `OpenAI's headers are read from a reply and from a refusal alike`() async throws {
    var options = EmbeddingsServer.Options()
    options.headers = [
      ("x-ratelimit-limit-requests", "3000"), ("x-ratelimit-remaining-requests", "2999"),
      ("x-ratelimit-reset-requests", "20ms"), ("X-RateLimit-Limit-Tokens", "1000000"),
      ("x-ratelimit-remaining-tokens", "999984"), ("x-ratelimit-reset-tokens", "6m0s"),
    ]
    var expected = RateLimitHints()
    (expected.requestLimit, expected.requestsRemaining, expected.requestsReset) = (3000, 2999, .milliseconds(20))
    (expected.tokenLimit, expected.tokensRemaining, expected.tokensReset) = (1_000_000, 999_984, .seconds(360))
    try await EmbeddingsServer.run(options, rules: [.request(1, .respond(.error(429, type: "tokens")))]) { server in
      let embedder = try server.embedder()
      #expect(try await embedder.embed(["text"]).rateLimits == expected)
      #expect(await caught { try await embedder.embed(["text"]) }?.rateLimits == expected)
    }
  }

  @Test(
    arguments: [
      (
        "Rate limit reached for m in organization org-1 on tokens per min (TPM): Limit 40000, Used 1, Requested 2.",
        40_000
      ),
      ("Rate limit reached for m on tokens per min. Limit: 40000 / min. Please try again in 20s.", 40_000),
      ("Rate limit reached for m on tokens per min: Limit: 40000 / min.", 40_000),
      ("Rate limit reached for m on tokens per day (TPD): Limit 200, Used 200.", nil),
      ("Rate limit reached for m on requests per min (RPM): Limit 3, Used 3.", nil), ("Slow down.", nil),
    ] as [(String, Int?)])
  func `the limit a minute that a refusal's text tells is learned, and lowers the header's`(
    _ message: String, _ limit: Int?
  ) async throws {
    let refusal = EmbeddingsServer.Response.error(
      429, type: "tokens", code: "rate_limit_exceeded", message: message,
      headers: [("x-ratelimit-limit-tokens", "1000000")])
    try await EmbeddingsServer.run(rules: [.always(.respond(refusal))]) { server in
      let embedder = try server.embedder()
      let hints = await caught { try await embedder.embed(["text"]) }?.rateLimits
      #expect(hints?.tokenLimit == limit ?? 1_000_000)
      #expect(hints?.requestLimit == (message.contains("RPM") ? 3 : nil))
    }
  }

  @Test(
    arguments: [
      ("1s", 1), ("6m0s", 360), ("120ms", 0.12), ("2.812s", 2.812), ("1h2m3.5s", 3723.5), ("10", 10), ("0.25", 0.25),
      ("0s", 0), ("1d2h", 93_600), ("500µs", 0.001), (" 3s ", 3), ("-1s", nil), ("-1", nil), ("", nil), ("soon", nil),
      ("5 apples", nil), ("1700000000", nil), ("2026-11-22T10:00:00Z", nil), ("1e9", nil), ("NaN", nil), ("3s?", nil),
      ("99999999999999999999999999h", nil),
    ] as [(String, Double?)])
  func `a reset is a Go duration or bare seconds`(_ text: String, _ seconds: Double?) {
    let hints = RateLimitHints(HTTPHeaders(["x-ratelimit-reset-tokens": text]))
    #expect(hints.tokensReset == seconds.map { .milliseconds(Int(($0 * 1000).rounded())) })
  }

  @Test(
    arguments: [
      ("1000", "10", 1000, 10), ("1000", "0", 1000, 0), ("1000", "-7", 1000, 0), ("1000", "-1", 1000, nil),
      ("-1", "-1", nil, nil), ("0", "0", nil, nil), ("-1", "500", nil, nil), (nil, "10", nil, 10),
      ("1000", nil, 1000, nil),
      ("many", "few", nil, nil), ("1000.5", "1e3", nil, nil),
    ] as [(String?, String?, Int?, Int?)])
  func `a limit that is none is unknown, and so is what is left of it`(
    _ limit: String?, _ remaining: String?, _ expectedLimit: Int?, _ expectedRemaining: Int?
  ) {
    var headers = HTTPHeaders()
    if let limit { headers.add("x-ratelimit-limit-requests", limit) }
    if let remaining { headers.add("x-ratelimit-remaining-requests", remaining) }
    let hints = RateLimitHints(headers)
    #expect(hints.requestLimit == expectedLimit)
    #expect(hints.requestsRemaining == expectedRemaining)
  }

  @Test func `a project's own limit of tokens counts where it is tighter`() {
    let hints = RateLimitHints(
      HTTPHeaders([
        "x-ratelimit-limit-tokens": "1000000", "x-ratelimit-remaining-tokens": "40", "x-ratelimit-reset-tokens": "1s",
        "x-ratelimit-limit-project-tokens": "50000", "x-ratelimit-remaining-project-tokens": "900",
        "x-ratelimit-reset-project-tokens": "30s",
      ]))
    #expect(hints.tokenLimit == 50_000)
    #expect(hints.tokensRemaining == 40)
    #expect(hints.tokensReset == .seconds(30))
  }

  @Test func `LiteLLM's headers of its provider are read, and the proxy's own come first`() {
    let hints = RateLimitHints(
      HTTPHeaders([
        "llm_provider-x-ratelimit-limit-requests": "500", "llm_provider-x-ratelimit-limit-tokens": "9",
        "x-ratelimit-limit-tokens": "7",
      ]))
    #expect(hints.requestLimit == 500)
    #expect(hints.tokenLimit == 7)
  }

  @Test func `a reply without such headers gives no hints`() {
    #expect(RateLimitHints(HTTPHeaders(["content-type": "application/json"])) == RateLimitHints())
  }
}

extension HTTPHeaders {
  fileprivate init(_ pairs: KeyValuePairs<String, String>) {
    self.init()
    for (name, value) in pairs { add(name, value) }
  }
}
