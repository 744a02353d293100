import TestSupport
import Testing

/// What a server does with each request that holds a text with the marker `BAD`, and what it can't help to bill.
struct TextFault: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let rule: EmbeddingsServer.Rule
  /// Whether the other texts of a failed request are billed, though no vectors come of them.
  var isBilled = false
  /// Whether the others get their vectors in the same reply.
  var isOfOneVector = false
  /// Whether it takes a short `VECFILL_TIMEOUT` to be seen.
  var isSlow = false

  static let marker = "BAD"

  init(_ name: String, _ flaw: EmbeddingsServer.Flaw) {
    testDescription = name
    rule = .vectors(of: TextFault.marker, flaw)
    // An item that is missing at a reply's end leaves in doubt whose the others are.
    isOfOneVector = flaw != .missing
    isBilled = flaw == .missing
  }

  init(_ name: String, _ behaviour: EmbeddingsServer.Behaviour, isBilled: Bool = false, isSlow: Bool = false) {
    testDescription = name
    rule = .texts(with: TextFault.marker, behaviour)
    self.isBilled = isBilled
    self.isSlow = isSlow
  }

  static let vectors = EmbeddingsServer.Flaw.allCases.map { TextFault("a vector: \($0)", $0) }

  static let refusals: [TextFault] = [
    TextFault(
      "500 EOF",
      .respond(.error(500, type: "api_error", message: "do embedding request: Post http://127.0.0.1/embedding: EOF"))),
    TextFault("500 without a body", .respond(.init(500))),
    TextFault("502 in HTML", .respond(.page(502, "Bad Gateway"))),
    TextFault("503", .respond(.error(503, type: "server_error", message: "the worker left"))),
    TextFault("504", .respond(.init(504, body: "upstream request timeout"))),
    TextFault("529", .respond(.init(529, body: "overloaded"))),
    TextFault("a reset", .resetBeforeProcessing),
    TextFault("closed without a reply", .closeAfterProcessing, isBilled: true),
    TextFault("a reply that ends early", .truncate(bodyBytes: 30), isBilled: true),
    TextFault("a hang", .hang, isSlow: true),
    TextFault("a reply that stalls", .stall(bodyBytes: 30), isBilled: true, isSlow: true),
    TextFault("403 in HTML", .respond(.page(403))),
    TextFault("403 in JSON", .respond(.init(403, body: #"{"message":"Forbidden"}"#))),
    TextFault("406", .respond(.page(406, "Not Acceptable"))),
    TextFault("418", .respond(.init(418, body: "teapot"))),
    TextFault("451", .respond(.init(451, body: "withheld"))),
    TextFault("499", .respond(.init(499))),
    TextFault("404", .respond(.page(404, "Not found"))),
    TextFault("400 in unknown words", .respond(.init(400, body: #"{"error":"Eingabe nicht erlaubt"}"#))),
    TextFault("422 in unknown words", .respond(.init(422, body: #"{"detail":"nope"}"#))),
    TextFault("200 with an error 500", .respond(.errorInReply(500))),
    TextFault("200 with an error 400", .respond(.errorInReply(400, "cannot do"))),
    TextFault("200 with an unknown error", .respond(.init(200, body: #"{"error":{"message":"No embedding data"}}"#))),
    TextFault("200 in HTML", .respond(.page(200, "Welcome"))),
    TextFault("200 without a body", .respond(.init(200))),
  ]

  static let all = vectors + refusals

  /// The faults whose ways through the planner differ.
  static let typical =
    reactions + [
      TextFault("no vector", .missing), TextFault("closed without a reply", .closeAfterProcessing, isBilled: true),
      TextFault("403 in HTML", .respond(.page(403))), TextFault("200 in HTML", .respond(.page(200, "Welcome"))),
    ]

  /// One whose text is asked for alone at once, one that is tried again first, and one that refuses the inputs.
  static let reactions = [
    TextFault("a vector that is not finite", .notANumber), TextFault("500", .respond(.init(500, body: "EOF"))),
    TextFault("400", .respond(.init(400, body: "no"))),
  ]

  /// Those whose number of tries differs from the typical ones', or that slow the requests down.
  static let further = [
    TextFault("a hang", .hang, isSlow: true), TextFault("503", .respond(.init(503))),
    TextFault("404", .respond(.page(404, "Not found"))), TextFault("451", .respond(.init(451, body: "withheld"))),
  ]
}
