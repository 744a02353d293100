import CCurl
import CRelease
import Foundation

/// A libcurl easy handle with the strings that it borrows, freed with it.
struct EasyHandle: ~Copyable {
  let pointer: UnsafeMutableRawPointer
  private let headers: UnsafeMutablePointer<curl_slist>?
  private let errorBuffer: UnsafeMutablePointer<CChar>

  /// Takes `pointer` over, with the headers of `request` and those that every one of its kind has.
  init(_ pointer: UnsafeMutableRawPointer, for request: HTTPRequest) {
    self.pointer = pointer
    errorBuffer = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorBuffer.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    // Without the empty `Expect`, a body of a megabyte or more waits a second for "100 Continue".
    let contentType = request.form?.contentType ?? (request.body == nil ? nil : "application/json")
    let ofBody = contentType.map { ["Content-Type: \($0)", "Expect:"] } ?? []
    let always = ["User-Agent: vecfill/\(VECFILL_VERSION)"] + ofBody
    headers = (always + request.headers.map { "\($0.name): \($0.value)" }).reduce(nil) { curl_slist_append($0, $1) }
  }

  /// Whether libcurl took the request and the options.
  ///
  /// - Parameter byteCount: the body's; nil where there is none.
  func configure(_ request: HTTPRequest, byteCount: Int?, options: HTTPClient.Options) -> Bool {
    var codes = [
      vecfill_curl_set_error_buffer(pointer, errorBuffer),
      vecfill_curl_set_url(pointer, request.url),
      vecfill_curl_set_protocols_http(pointer),
      vecfill_curl_set_http2_over_tls(pointer),
      vecfill_curl_set_headers(pointer, headers),
      vecfill_curl_set_sockets_closed_on_exec(pointer),
      vecfill_curl_set_receive_buffer(pointer, 128 << 10),
      vecfill_curl_set_accepted_encoding(pointer, "identity"),
      vecfill_curl_set_connect_timeout(pointer, options.connectTimeout.milliseconds),
      request.mayTakeLong
        ? vecfill_curl_set_stall_timeout(pointer, max(1, options.timeout.milliseconds / 1000))
        : vecfill_curl_set_timeout(pointer, options.timeout.milliseconds),
      vecfill_curl_set_no_signal(pointer),
      vecfill_curl_set_quick_exit(pointer),
    ]
    if let byteCount { codes.append(vecfill_curl_set_post(pointer, curl_off_t(byteCount))) }
    if let method = request.method { codes.append(vecfill_curl_set_method(pointer, method)) }
    if request.isHead { codes.append(vecfill_curl_set_no_body(pointer)) }
    if let proxy = options.proxy { codes.append(vecfill_curl_set_proxy(pointer, proxy)) }
    if let caFile = options.caFile { codes.append(vecfill_curl_set_ca_file(pointer, caFile)) }
    return codes.allSatisfy { $0 == CURLE_OK }
  }

  deinit {
    curl_easy_cleanup(pointer)
    curl_slist_free_all(headers)
    errorBuffer.deallocate()
  }

  var errorDetail: String { String(cString: errorBuffer) }

  /// The system's error number of a connection that failed; 0 where there is none.
  var systemError: Int32 {
    var number = 0
    return vecfill_curl_get_os_error(pointer, &number) == CURLE_OK ? Int32(truncatingIfNeeded: number) : 0
  }

  /// Lets the transfer go on that was paused.
  func goOn() { _ = vecfill_curl_go_on(pointer) }

  /// Decides whether the connection may serve another request once this one has ended.
  func setReuse(_ isAllowed: Bool) { _ = vecfill_curl_forbid_reuse(pointer, isAllowed ? 0 : 1) }

  /// The local port of the last connection that the transfer used, and whether it was made for it; nil for none.
  var connection: (port: Int, isNew: Bool)? {
    var (port, new) = (0, 0)
    guard vecfill_curl_get_local_port(pointer, &port) == CURLE_OK, port > 0,
      vecfill_curl_get_new_connections(pointer, &new) == CURLE_OK
    else { return nil }
    return (port, new > 0)
  }

  /// Whether the connection stood, through TLS and any proxy.
  var couldSend: Bool {
    var time: curl_off_t = 0
    return vecfill_curl_get_time_until_sending(pointer, &time) == CURLE_OK && time > 0
  }

  var status: Int {
    var status = 0
    return vecfill_curl_get_status(pointer, &status) == CURLE_OK ? status : 0
  }
}

extension Duration {
  fileprivate var milliseconds: Int { max(1, Int(self / .milliseconds(1))) }
}
