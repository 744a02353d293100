import Backfill
import Foundation

/// What an error reply's body says, in whichever of the providers' shapes; it stays inside this module.
///
/// OpenAI nests `{"error": {message, type, param, code}}`, vLLM and llama.cpp with an integer for `code`; Gemini wraps
/// that in an array and calls its code `status`; Ollama's own API and TEI's `/embed` have `{"error": "…"}`; TEI's
/// OpenAI route is flat `{message, code, type}`; FastAPI has `{"detail": …}`; proxies answer in HTML or plain text.
struct ProviderError: Equatable {
  /// In lower case and at most 2,000 characters, for patterns alone: it can hold the text that was refused.
  private(set) var message = ""
  /// The error's `code` where it is a word, and not just the status again.
  private(set) var code: String?
  private(set) var type: String?
  /// The parameter that is at fault, e.g. "input", "dimensions", "input.3".
  private(set) var parameter: String?

  init(_ body: Data) {
    guard !body.isEmpty, var content = try? JSONSerialization.jsonObject(with: body) else { return }
    if let list = content as? [Any], let first = list.first { content = first }
    guard let root = content as? [String: Any] else { return }
    let fields = root["error"] as? [String: Any] ?? root
    var text = fields["message"] as? String ?? root["error"] as? String ?? root["detail"] as? String
    code = ProviderError.word(fields["code"]) ?? ProviderError.word(fields["status"])
    type = ProviderError.word(fields["type"]) ?? ProviderError.word(fields["error_type"])
    parameter = fields["param"] as? String
    if let detail = (root["detail"] as? [[String: Any]])?.first {
      text = detail["msg"] as? String
      let path = (detail["loc"] as? [Any])?.map { "\($0)" }.drop { $0 == "body" }
      parameter = path?.joined(separator: ".")
    }
    message = String((text ?? "").prefix(2_000)).lowercased()
  }

  /// The index of the refused input, where it is named as in "Invalid 'input[22]'" or by a path "input.22".
  func badIndex(inputCount: Int) -> Int? {
    for text in [parameter, message] {
      guard let match = text?.firstMatch(of: /input(?:\[|\.)(\d{1,6})/), let index = Int(match.1) else { continue }
      return index < inputCount ? index : nil
    }
    return nil
  }

  /// The wait that the message asks for, as in "Please try again in 2.812s" or "Please retry after 20 seconds".
  var retryAfter: Duration? {
    guard let match = message.firstMatch(of: /(?:try again|retry) (?:in|after)\b/) else { return nil }
    return ProviderDuration.prefix(of: message[match.range.upperBound...])
  }

  /// The limits a minute that the message tells, as in "Rate limit reached for … on tokens per min (TPM): Limit 1000000".
  var rateLimits: RateLimitHints {
    var hints = RateLimitHints()
    if let match = message.firstMatch(of: /(requests|tokens) per min(?:ute)?(?: \(\w+\))?[:.] limit:? (\d{1,12})\b/) {
      if match.1 == "requests" { hints.requestLimit = Int(match.2) } else { hints.tokenLimit = Int(match.2) }
    }
    return hints
  }

  /// A word that tells more than the status; LiteLLM writes "None" where it has none.
  private static func word(_ value: Any?) -> String? {
    (value as? String).flatMap { $0.isPlainWord && Int($0) == nil && $0 != "None" ? $0 : nil }
  }
}
