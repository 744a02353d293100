import Foundation

extension EmbeddingsServer {
  /// What the server does with a request that it has read whole.
  package indirect enum Behaviour: Sendable {
    /// As the provider would: judges the request, bills it, answers.
    case answer
    /// Bills the request and answers with a reply that is not as it should be.
    case distort(Distortion)
    /// Answers with this, without looking at the request.
    case respond(Response)
    /// The same, made from the request's texts.
    case respondTo(@Sendable ([String]) -> Response)
    /// Resets the connection without having done anything.
    case resetBeforeProcessing
    /// Bills the request, then resets the connection without a byte of a reply.
    case resetAfterProcessing
    /// Bills the request, then closes the connection in good order without a byte of a reply.
    case closeAfterProcessing
    /// Bills the request, sends so much of the reply's body, then closes the connection.
    case truncate(bodyBytes: Int)
    /// Bills the request, sends so much of the reply's body, then nothing more until the client leaves.
    case stall(bodyBytes: Int)
    /// Bills the request and answers in chunks of so many bytes.
    case dribble(bytes: Int)
    /// Answers with `beginning`, without looking at the request, and then with `rest` over and over until the client leaves:
    /// as fast as it takes it, or at this pace.
    case endless(status: Int, beginning: String, rest: String, every: Duration? = nil)
    /// Does nothing until the client leaves.
    case hang
    /// Waits until the gate is open, unless the client leaves before.
    case hold(Gate, then: Behaviour)
  }

  /// A way in which a reply is not what was asked for.
  package enum Distortion: Sendable {
    case notJSON
    case tooFew
    case tooMany
    /// Right, but in the opposite order.
    case reversed
    case duplicateIndex
    case indexOutOfRange
    case noIndex
    /// Right, but without the index 0, as Gemini leaves it out.
    case noFirstIndex
    /// A flaw in the vectors of such texts; the others are right.
    case flawed(Flaw, where: @Sendable (String) -> Bool)
    case noVector
    case dimensions(Int)
    case notFinite
    /// Each value times this.
    case scaled(Float)
    /// `"embedding": null`
    case nullVector
    /// A list of numbers with a null in it.
    case nullValue
    /// Right, but as numbers though base64 was asked for.
    case floats
    /// Right, but with "/" and "+" escaped, as some writers of JSON do.
    case escaped
    /// Base64 with a character that it does not have.
    case badBase64
    case model(String)
    case noModel
    /// Another `usage` object, as JSON; nil for none.
    case usage(String?)
    /// Another `usage` object, made from the texts.
    case usageOf(@Sendable ([String]) -> String?)
    /// A member of so many bytes beside the data.
    case padded(bytes: Int)
  }

  /// A reply as it goes over the wire.
  package struct Response: Sendable {
    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: Data

    package init(_ status: Int, headers: [(name: String, value: String)] = [], body: String = "") {
      self.status = status
      self.headers = headers
      self.body = Data(body.utf8)
    }

    /// An error page in HTML, as gateways and firewalls answer.
    package static func page(_ status: Int, _ title: String = "Request blocked") -> Response {
      Response(
        status, headers: [("Content-Type", "text/html")],
        body: "<!DOCTYPE html>\n<html><head><title>\(title)</title></head><body><h1>\(title)</h1></body></html>")
    }

    /// A 200 with an error in place of vectors, as OpenRouter answers.
    package static func errorInReply(_ code: Int, _ message: String = "Provider returned error") -> Response {
      Response(
        200, headers: [("Content-Type", "application/json")],
        body: "{\"error\":{\"code\":\(code),\"message\":\"\(message)\"}}")
    }

    /// How Gemini's OpenAI endpoint refuses `encoding_format: base64`.
    package static let base64Refused = Response(
      400, headers: [("Content-Type", "application/json")],
      body:
        #"[{"error":{"code":400,"message":"Invalid value at 'encoding_format' (base64).","status":"INVALID_ARGUMENT"}}]"#
    )

    /// A 429 that asks to wait by a date, from a server whose clock is wrong by so many seconds.
    package static func retryAfter(date seconds: Int, clockOff: TimeInterval) -> Response {
      let now = Date(timeIntervalSinceNow: clockOff)
      func text(_ date: Date) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "GMT")
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return format.string(from: date)
      }
      return error(
        429, type: "requests", code: "rate_limit_exceeded",
        headers: [("Date", text(now)), ("Retry-After", text(now.addingTimeInterval(TimeInterval(seconds))))])
    }

    /// An error as OpenAI words it.
    package static func error(
      _ status: Int, type: String, code: String? = nil, message: String = "no message", parameter: String? = nil,
      headers: [(name: String, value: String)] = []
    ) -> Response {
      func json(_ text: String?) -> String { text.map { "\"\($0)\"" } ?? "null" }
      let what = "\"message\":\(json(message)),\"type\":\(json(type))"
      return Response(
        status, headers: [("Content-Type", "application/json")] + headers,
        body: "{\"error\":{\(what),\"param\":\(json(parameter)),\"code\":\(json(code))}}")
    }
  }
}
