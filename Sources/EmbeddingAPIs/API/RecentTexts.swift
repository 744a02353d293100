/// The beginnings of the texts of the last requests, to know them again in a reply to another request.
struct RecentTexts: Sendable {
  private var requests: [[String]] = []

  private static let mostRequests = 8
  /// Bytes of one request, and of one text, that are kept.
  private static let mostBytes = (request: 524_288, text: 32_768)

  /// Every text that is kept.
  var all: [String] { requests.flatMap(\.self) }

  mutating func add(_ texts: [String]) {
    var kept: [String] = []
    var bytes = 0
    for text in texts {
      guard bytes < RecentTexts.mostBytes.request else { break }
      let start = text.utf8.count <= RecentTexts.mostBytes.text ? text : RecentTexts.beginning(of: text)
      bytes += start.utf8.count
      kept.append(start)
    }
    if requests.count == RecentTexts.mostRequests { requests.removeFirst() }
    requests.append(kept)
  }

  private static func beginning(of text: String) -> String {
    String(decoding: text.utf8.prefix(mostBytes.text), as: UTF8.self)
  }
}
