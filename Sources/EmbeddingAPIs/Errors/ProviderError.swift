import Backfill
import Foundation

/// What an error reply's body says, in whichever of the providers' shapes; it stays inside this module.
///
/// OpenAI nests `{"error": {message, type, param, code}}`, vLLM and llama.cpp with an integer for `code`; Gemini wraps
/// that in an array, calls its code `status` and adds `details`; Ollama's own API and TEI's `/embed` have
/// `{"error": "…"}`; TEI's OpenAI route, Voyage, Mistral and DashScope are flat; FastAPI has `{"detail": …}`; Cloudflare a
/// list of `errors`; gateways put one provider's JSON into the message of their own; proxies answer in HTML or plain text.
/// So every object is looked through for the names that these use, what is nested before what is around it.
struct ProviderError {
  /// Every sentence, in lower case and at most 2,000 characters, for patterns alone: it can hold the text that was refused.
  let message: String
  /// What a person is told of it, not yet redacted; nil where the body says nothing.
  let sentence: String?
  /// The error's codes, types and reasons, the innermost first.
  let words: [String]
  /// The status that the body itself says.
  let status: Int?
  /// The parameter that is at fault, e.g. "input", "dimensions", "input.3".
  let parameter: String?
  /// The wait that the body asks for as a value of its own (Gemini's `retryDelay`).
  let retryDelay: Duration?
  /// Whether the body is JSON.
  let isStructured: Bool
  /// Whether the body is HTML.
  let isPage: Bool
  private let index: Int?
  private let redaction: Redaction

  init(_ body: Data, _ redaction: Redaction) {
    self.redaction = redaction
    var reader = ErrorBodyReader()
    var sentence: String?
    var message: String
    var isPage = false
    let json = try? JSONSerialization.jsonObject(with: body, options: .fragmentsAllowed)
    if let content = json {
      reader.read(content)
      message = reader.texts.joined(separator: " ")
      sentence = message
    } else if let page = ErrorPage(body) {
      message = page.text
      sentence = page.headline
      isPage = true
    } else {
      message = String(decoding: body.prefix(8_000), as: UTF8.self)
      sentence = message.isReadable ? message : nil
    }
    if sentence?.isEmpty == true { sentence = nil }
    message = String(message.prefix(2_000)).lowercased()
    self.message = message
    self.sentence = sentence
    isStructured = json != nil
    self.isPage = isPage
    words = reader.words
    status = reader.status ?? reader.words.lazy.compactMap { ProviderError.statuses[ErrorRule.normalized($0)] }.first
    parameter = reader.parameter
    retryDelay = reader.retryDelay
    index = reader.index
  }

  /// Whether it is said of texts that aren't at hand, so that a phrase may be a text's own.
  var isOfUnseenTexts: Bool { redaction.unseenCount != nil }

  /// The code that may be shown.
  var code: String? { words.lazy.compactMap { redaction.shown($0) }.first }

  /// Whether the message holds `phrase`, in lower case, whose parts between " … " follow each other. A phrase that stands
  /// in one of the texts proves nothing: the server may only quote it.
  func says(_ phrase: String) -> Bool {
    var rest = message[...]
    let parts = phrase.split(separator: " … ")
    for part in parts {
      guard let range = rest.firstRange(of: part) else { return false }
      rest = rest[range.upperBound...]
    }
    return !parts.allSatisfy { redaction.standsInText(String($0)) }
  }

  /// The index of the refused input, where it is named as in "Invalid 'input[22]'", by a path "input.22" or by itself.
  func badIndex(inputCount: Int) -> Int? {
    let pattern =
      /(?:inputs?|texts?|data|documents?|contents?|instances|requests|prompts?)`?(?:\.list\[[^\]]*\])?(?:\[|\.|\/)(\d{1,6})(?![\w])/
    for text in [parameter, message] {
      guard let match = text?.firstMatch(of: pattern), let index = Int(match.1) else { continue }
      return index < inputCount ? index : nil
    }
    let words = /(?:input|text|item|document|example) at (?:index|position) (\d{1,6})(?!\w)/
    let named = index ?? message.firstMatch(of: words).flatMap { Int($0.1) }
    return named.flatMap { (0..<inputCount).contains($0) ? $0 : nil }
  }

  /// The wait that the message asks for, as in "Please try again in 2.812s" or "Please retry after 20 seconds".
  var retryAfter: Duration? {
    guard let match = message.firstMatch(of: /(?:try again|retry) (?:in|after)\b/) else { return retryDelay }
    return ProviderDuration.prefix(of: message[match.range.upperBound...]) ?? retryDelay
  }

  /// The limits a minute that the message names, as in "Rate limit reached for … on tokens per min (TPM): Limit 1000000".
  var rateLimits: RateLimitHints {
    var hints = RateLimitHints()
    if let match = message.firstMatch(of: /(requests|tokens) per min(?:ute)?(?: \(\w+\))?[:.] limit:? (\d{1,12})\b/) {
      if match.1 == "requests" { hints.requestLimit = Int(match.2) } else { hints.tokenLimit = Int(match.2) }
    }
    return hints
  }

  /// The status that a code or type stands for, where the body gives no number.
  private static let statuses: [String: Int] = [
    "invalidargument": 400, "invalidrequesterror": 400, "badrequesterror": 400, "unauthenticated": 401,
    "authenticationerror": 401, "permissiondenied": 403, "permissionerror": 403, "notfound": 404, "notfounderror": 404,
    "resourceexhausted": 429, "ratelimiterror": 429, "ratelimitexceeded": 429, "throttlingexception": 429,
    "overloadederror": 529, "overloaded": 503, "unavailable": 503, "serviceunavailableerror": 503, "internal": 500,
    "internalerror": 500, "internalservererror": 500, "servererror": 500, "apierror": 500, "deadlineexceeded": 504,
    "timeout": 504, "timeouterror": 504,
  ]
}

extension String {
  /// Whether it is text, and not the bytes of something else: few of its first characters are none.
  fileprivate var isReadable: Bool {
    let start = unicodeScalars.prefix(400)
    let odd = start.count { scalar in
      scalar == "\u{FFFD}" || scalar.properties.generalCategory == .control && !scalar.properties.isWhitespace
    }
    return odd * 8 <= start.count
  }
}
