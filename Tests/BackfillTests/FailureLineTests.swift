import Backfill
import Testing

/// What a person reads where a failure ends a run: one line, and one advice.
@Suite struct FailureLineTests {
  static let refused = EmbeddingFailure(
    .unreachable, "connection refused by h at port 1: check the port in the base URL")

  static func line(_ failure: EmbeddingFailure, isFirst: Bool = false) -> String {
    var failure = failure
    failure.address = "http://h:1/v1/embeddings"
    return failure.failure(of: "h", isBeforeFirstAnswer: isFirst).description
  }

  @Test func `what the reason says to look at is the advice, and the class's own is left out`() {
    let line = Self.line(Self.refused, isFirst: true)
    #expect(
      line == "h: connection refused by h at port 1, calling http://h:1/v1/embeddings; check the port in the base URL")
  }

  @Test func `after an answer the advice goes on with what to do then`() {
    #expect(Self.line(Self.refused).hasSuffix("; check the port in the base URL; run the same command again"))
  }

  @Test func `a question is advice too`() {
    let failure = EmbeddingFailure(
      .misconfigured, "no such endpoint or model: does the base URL need /v1?", status: 404)
    #expect(Self.line(failure).hasPrefix("h: no such endpoint or model (status 404), calling "))
    #expect(Self.line(failure).hasSuffix("; does the base URL need /v1?"))
  }

  @Test func `a failure without advice of its own gets its class's`() {
    #expect(
      Self.line(EmbeddingFailure(.forbidden, "no right")).hasSuffix("check the API key and its rights to the model"))
    let first = Self.line(EmbeddingFailure(.transient, "the provider failed", status: 500), isFirst: true)
    #expect(first.hasPrefix("h: it answers nothing: the provider failed (status 500)"))
    #expect(first.contains("check the base URL, the key and that the server runs"))
  }

  @Test(arguments: [
    (EmbeddingFailure(.transient, "x", status: 500), ExitCode.configuration),
    (EmbeddingFailure(.transient, "x", status: 501), .configuration),
    (EmbeddingFailure(.transient, "x"), .configuration), (EmbeddingFailure(.unreachable, "x"), .configuration),
    (EmbeddingFailure(.transient, "x", status: 503), .unavailable), (EmbeddingFailure(.timedOut, "x"), .unavailable),
    (EmbeddingFailure(.rateLimited, "x", status: 429), .unavailable), (EmbeddingFailure(.denied, "x"), .denied),
    (EmbeddingFailure(.brokenReply, "x", status: 200), .badData),
  ])
  func `without any answer, what won't pass by itself puts the address in doubt`(
    _ failure: EmbeddingFailure, _ code: ExitCode
  ) {
    #expect(failure.failureWithoutAnswer(of: "h").exitCode == code)
  }

  @Test func `names with line breaks or what steers a terminal are told on one line`() {
    let failure = Failure(.configuration, "a\r\n\nb", "na\u{1}\0me\u{1B}[31m", remedy: "c\u{2028}d\u{85}")
    #expect(failure.description == "a b: na me [31m; c d")
  }
}
