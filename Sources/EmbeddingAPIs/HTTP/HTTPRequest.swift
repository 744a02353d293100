import Foundation

/// A POST of a JSON body, or a GET where there is none.
package struct HTTPRequest: Sendable {
  package var url: String
  /// Sent as they are; neither a name nor a value may hold a line break.
  package var headers: [(name: String, value: String)]
  package var body: Data?
  /// The most bytes of a reply's body that are read; a longer one is cut there.
  package var maxReplyBytes: Int

  package init(url: String, headers: [(name: String, value: String)] = [], body: Data? = nil, maxReplyBytes: Int) {
    self.url = url
    self.headers = headers
    self.body = body
    self.maxReplyBytes = maxReplyBytes
  }
}
