import Foundation

/// What an error page in HTML says, as gateways and firewalls answer.
struct ErrorPage {
  /// The page's title, or the start of its text where it has none.
  let headline: String
  /// The title and the text.
  let text: String

  /// Nil where `body` is no HTML. Only the first 16 KB are read.
  init?(_ body: Data) {
    let start = String(decoding: body.prefix(16_384), as: UTF8.self)
    guard start.prefix(1_000).contains(/(?i)<(?:!doctype|html|head|body|title|h1|center|pre)\b/) else { return nil }
    let content = start.replacing(/(?is)<(script|style)\b.*?<\/\1\s*>/, with: " ").replacing(
      /(?s)<!--.*?-->/, with: " ")
    let title = content.firstMatch(of: /(?is)<title[^>]*>(.*?)<\/title>/).map { ErrorPage.plain(String($0.1)) } ?? ""
    let words = ErrorPage.plain(String(content.replacing(/(?is)<title[^>]*>.*?<\/title>/, with: " ")))
    headline = title.isEmpty ? words : title
    text = "\(title) \(words)"
  }

  private static func plain(_ markup: String) -> String {
    var text = markup.replacing(/(?s)<[^>]*>/, with: " ")
    for (entity, character) in [
      ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&"),
    ] {
      text = text.replacing(entity, with: character)
    }
    return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
