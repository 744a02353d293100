import Foundation

/// Walks through an error's JSON and collects what providers say by the names that they use.
struct ErrorBodyReader {
  private(set) var texts: [String] = []
  private(set) var words: [String] = []
  private(set) var status: Int?
  private(set) var parameter: String?
  private(set) var index: Int?
  private(set) var retryDelay: Duration?

  mutating func read(_ value: Any, depth: Int = 0) {
    guard depth < 8 else { return }
    switch value {
    case let text as String: add(text, depth: depth)
    case let list as [Any]: for item in list.prefix(8) { read(item, depth: depth + 1) }
    case let fields as [String: Any]:
      let names = fields.map { ($0.key.lowercased(), $0.value) }
      readObject(Dictionary(names) { first, _ in first }, depth: depth)
    default: break
    }
  }

  private mutating func readObject(_ fields: [String: Any], depth: Int) {
    let nested = ["error", "errors", "details", "detail", "innererror", "metadata", "base_resp"]
    for value in nested.compactMap({ fields[$0] }) where !(value is String) { read(value, depth: depth + 1) }

    let sentences = [
      "message", "msg", "error_message", "error_msg", "errormessage", "status_msg", "detail", "error", "errors",
      "title",
      "error_description", "raw",
    ]
    for name in sentences { if let text = fields[name] as? String { add(text, depth: depth) } }

    for name in ["code", "error_code", "reason", "status", "type", "error_type", "errortype", "__type"] {
      if let word = ErrorBodyReader.word(fields[name]), !words.contains(word) { words.append(word) }
    }
    for name in ["code", "status", "status_code", "statuscode", "error_code"] where status == nil {
      status = ErrorBodyReader.number(fields[name]).flatMap { (400...599).contains($0) ? $0 : nil }
    }
    if parameter == nil {
      let path = (fields["loc"] as? [Any])?.map { "\($0)" }.drop { $0 == "body" }
      parameter = path.map { $0.joined(separator: ".") } ?? fields["param"] as? String ?? fields["field"] as? String
    }
    if index == nil { index = ErrorBodyReader.number(fields["index"]) ?? ErrorBodyReader.number(fields["input_index"]) }
    if retryDelay == nil { retryDelay = (fields["retrydelay"] as? String).flatMap { ProviderDuration.parse($0) } }
  }

  private mutating func add(_ text: String, depth: Int) {
    if text.first == "{" || text.first == "[", let inner = try? JSONSerialization.jsonObject(with: Data(text.utf8)) {
      read(inner, depth: depth + 1)
    } else if !text.isEmpty, texts.count < 8, !texts.contains(text) {
      texts.append(String(text.prefix(2_000)))
    }
  }

  private static func number(_ value: Any?) -> Int? { value as? Int ?? (value as? String).flatMap { Int($0) } }

  /// A word that says more than the status and "error" do; LiteLLM writes "None" where it has none.
  private static func word(_ value: Any?) -> String? {
    guard let text = value as? String else { return nil }
    let word = text.split(separator: "#").last.map(String.init) ?? text
    let tellsNothing = ["none", "null", "error", "err", "fail", "failed", "failure", "about:blank"]
    guard word.isPlainWord, Int(word) == nil, !tellsNothing.contains(word.lowercased()) else { return nil }
    return word
  }
}
