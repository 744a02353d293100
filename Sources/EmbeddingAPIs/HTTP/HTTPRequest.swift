import Foundation

/// A POST of a JSON body or of a file, or a GET or HEAD where there is none.
package struct HTTPRequest: Sendable {
  package var url: String
  /// Where that is set, for a person who has to correct it.
  package var urlName = "the base URL"
  /// Sent as they are; neither a name nor a value may hold a line break.
  package var headers: [(name: String, value: String)]
  package var body: Data?
  /// In place of `body`: a form with a file, read from the disk while it is sent.
  var form: FileForm?
  /// Another method than POST or GET, e.g. "DELETE". The default is none.
  var method: String?
  /// Whether only the reply's status and headers are asked for. The default is false.
  package var isHead = false
  /// The most bytes of a reply's body that are read; a longer one is cut there.
  package var maxReplyBytes: Int
  /// Takes the bytes of a reply of a status in the 200s as they come, on the client's thread. With it a reply's body is kept up to
  /// `keptBytes` alone, and nothing is read behind those that is of no use.
  var reader: (@Sendable (UnsafeRawBufferPointer) -> Reading)?
  /// In place of `reader`: takes the body of a reply of status 200, of which nothing is kept then, and holds the transfer
  /// up while whoever reads from it is behind.
  var inflow: Inflow?
  /// Whether it may take any time as long as bytes move: the client's timeout is then for a transfer that stands still.
  /// The default is false.
  var mayTakeLong = false

  /// What a reader makes of a reply so far.
  enum Reading {
    /// Nothing of it is needed any more: a body of more than `keptBytesOfRead` is let go.
    case isRead
    /// As `isRead`, and the reply has a vector for each text. Only then may its connection serve another request: after a
    /// reply of the wrong count or with vectors of other texts, the connection may be one reply behind.
    case isAnswer
    case isUnclear
    case isUseless

    /// Whether the body need not be kept.
    var needsNoBody: Bool { self == .isRead || self == .isAnswer }
  }

  /// 1 MiB: an error that says what is wrong with each of many texts.
  static let keptBytes = 1 << 20
  static let keptBytesOfRead = 1 << 16

  package init(url: String, headers: [(name: String, value: String)] = [], body: Data? = nil, maxReplyBytes: Int) {
    self.url = url
    self.headers = headers
    self.body = body
    self.maxReplyBytes = maxReplyBytes
  }
}
