import Backfill
import CCurl
import Foundation

/// One GET over libcurl, with TLS verified and the proxies of the environment.
struct VocabularyDownload: ~Copyable {
  private let easy: UnsafeMutableRawPointer

  init() throws(Failure) {
    guard let easy = curl_easy_init() else { throw Failure(.unavailable, "libcurl", "can't be initialised") }
    self.easy = easy
  }

  deinit {
    curl_easy_cleanup(easy)
  }

  /// The reply's body, if its status is 200 and it has at most `limit` bytes.
  func get(_ url: String, limit: Int) throws(Failure) -> Data {
    // The URL itself is not told: it may hold a password.
    let host = URLComponents(string: url)?.host ?? "the vocabulary's address"
    var body = Body(limit: limit)
    let code = withUnsafeMutablePointer(to: &body) { body in
      let settings = [
        vecfill_curl_set_url(easy, url), vecfill_curl_set_protocols_http(easy), vecfill_curl_set_no_signal(easy),
        vecfill_curl_set_connect_timeout(easy, 10_000), vecfill_curl_set_timeout(easy, 120_000),
        vecfill_curl_set_write(easy, Body.append, body),
      ]
      return settings.first { $0 != CURLE_OK } ?? curl_easy_perform(easy)
    }
    var status = 0
    let reason: String? =
      if body.isTooLong {
        "the reply is longer than the vocabulary"
      } else if code != CURLE_OK {
        String(cString: curl_easy_strerror(code))
      } else if vecfill_curl_get_status(easy, &status) != CURLE_OK || status != 200 {
        "HTTP \(status)"
      } else {
        nil
      }
    if let reason {
      throw Failure(
        .unavailable, host, "the vocabulary can't be downloaded: \(reason)",
        remedy: "get cl100k_base.tiktoken by other means and install it with --from FILE")
    }
    return body.data
  }

  private struct Body {
    let limit: Int
    var data = Data()
    var isTooLong = false

    static let append: vecfill_curl_transfer = { bytes, size, count, context in
      guard let bytes, let body = context?.assumingMemoryBound(to: Body.self) else { return 0 }
      body.pointee.isTooLong = body.pointee.data.count + size * count > body.pointee.limit
      if body.pointee.isTooLong { return 0 }
      body.pointee.data.append(UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self), count: size * count)
      return size * count
    }
  }
}
