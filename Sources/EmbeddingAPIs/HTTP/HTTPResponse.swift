import Foundation

/// A reply, whatever its status.
package struct HTTPResponse: Sendable {
  package let status: Int
  package let headers: HTTPHeaders
  /// The first `HTTPRequest.keptBytes` of it where the request has a reader; empty where that has read it.
  package let body: Data
  /// Whether the body was longer than the request's `maxReplyBytes`, or than is of use, and was cut there.
  package let isCut: Bool
  /// Which of the client's sets of connections it came over.
  let generation: Int
  /// The number of its connection among those of the set; nil where there is none.
  let connection: Int?
  /// Whether an earlier reply over the same connection could be used.
  let isOfProvenConnection: Bool

  /// Whether its body is a reply: of any status in the 200s, since proxies that change a reply say 203 (RFC 9110).
  var isSuccess: Bool { HTTPResponse.isSuccess(status) }

  static func isSuccess(_ status: Int) -> Bool { (200...299).contains(status) }
}
