import CCurl
import Foundation

/// A request on its way through libcurl; lives on the client's thread alone.
///
/// The body is given by a callback that can't be rewound, and that is on purpose. Where a kept-alive connection ends
/// without one byte of a reply, libcurl sends the request again by itself on a new connection (`Curl_retry_request` in
/// its `lib/transfer.c`), although the server may have acted on it: the work would be billed twice and counted once.
/// There is no option against it. But where the body, or a part of it, was sent and can't be rewound, libcurl gives up
/// with `CURLE_SEND_FAIL_REWIND` instead, and where none of it was sent the second try is harmless.
final class Transfer {
  private let easy: EasyHandle
  private let ticket: HTTPClient.Ticket
  private let request: HTTPRequest
  private let requestBody: BodySource
  private let generation: Int
  private let options: HTTPClient.Options
  /// How many bytes of a byte order mark have come at the body's beginning; all of them once something else has.
  private var markCount = 0
  private var isPaused = false
  private var bodyWasAsked = false
  private var headers = HTTPHeaders()
  private var body = Data()
  private var isBodyRead = false
  private var receivedBytes = 0
  private var isCut = false

  /// A transfer that is ready to be started; nil where libcurl can't take it.
  init?(_ request: HTTPRequest, ticket: HTTPClient.Ticket, options: HTTPClient.Options, generation: Int) {
    guard let requestBody = BodySource(of: request), let pointer = curl_easy_init() else { return nil }
    easy = EasyHandle(pointer, for: request)
    self.ticket = ticket
    self.request = request
    self.generation = generation
    self.options = options
    self.requestBody = requestBody
    let context = Unmanaged.passUnretained(self).toOpaque()
    let callbacks = [
      vecfill_curl_set_read(pointer, { Transfer.from($3).send(into: $0, atMost: $1 * $2) }, context),
      vecfill_curl_set_write(pointer, { Transfer.from($3).receive($0, count: $1 * $2) }, context),
      vecfill_curl_set_header(pointer, { Transfer.from($3).receiveHeader($0, count: $1 * $2) }, context),
    ]
    let byteCount = request.body == nil && request.form == nil ? nil : requestBody.byteCount
    guard easy.configure(request, byteCount: byteCount, options: options), callbacks.allSatisfy({ $0 == CURLE_OK })
    else { return nil }
  }

  var easyPointer: UnsafeMutableRawPointer { easy.pointer }

  var isCancelled: Bool { ticket.isCancelled }

  /// The connection that it used; nil for none.
  var connection: (port: Int, isNew: Bool)? { easy.connection }

  /// Goes on where it was held up and has room again.
  func goOn() {
    guard isPaused, request.inflow?.isFull == false else { return }
    isPaused = false
    easy.goOn()
  }

  /// Ends the transfer with what libcurl says of it.
  ///
  /// - Parameters:
  ///   - connection: the number of its connection.
  ///   - isProven: whether an earlier reply over that could be used.
  func finish(_ code: CURLcode, connection: Int?, isProven: Bool) {
    if code == CURLE_OK || isCut {
      let response = HTTPResponse(
        status: easy.status, headers: headers, body: body, isCut: isCut, generation: generation, connection: connection,
        isOfProvenConnection: isProven)
      ticket.resume(.success(response))
    } else {
      // Where there is a body, its being asked for proves the connection, also of one that was kept.
      let hasBody = request.body != nil || request.form != nil
      let sight = HTTPFailure.Sight(
        url: request.url, detail: easy.errorDetail, systemError: easy.systemError,
        bodyWasAsked: hasBody ? bodyWasAsked : easy.couldSend, mayUseProxy: options.mayUseProxy(for: request.url),
        encoding: headers["content-encoding"], urlName: request.urlName)
      ticket.resume(.failure(HTTPFailure(code, sight, wasSent: wasSent, isOfProvenConnection: isProven)))
    }
  }

  /// Ends the transfer for a reason of the client's own.
  func abandon(_ cause: HTTPFailure.Cause, _ reason: String) {
    ticket.resume(.failure(HTTPFailure(cause: cause, reason: reason, wasSent: wasSent, isOfProvenConnection: false)))
  }

  private var wasSent: Bool { requestBody.isGiven }

  private func send(into buffer: UnsafeMutablePointer<CChar>?, atMost space: Int) -> Int {
    bodyWasAsked = true
    guard let buffer, space > 0 else { return 0 }
    return requestBody.give(into: UnsafeMutableRawBufferPointer(start: buffer, count: space))
      ?? vecfill_curl_abort_read()
  }

  /// Returning less than `count` makes libcurl end the transfer.
  private func receive(_ start: UnsafeMutablePointer<CChar>?, count: Int) -> Int {
    guard let start, count > 0 else { return 0 }
    let come = withoutMark(UnsafeRawBufferPointer(start: start, count: count))
    guard !come.isEmpty else { return count }
    if let inflow = request.inflow, HTTPResponse.isSuccess(easy.status) {
      isPaused = !inflow.offer(come)
      return isPaused ? vecfill_curl_pause() : count
    }
    let taken = min(come.count, request.maxReplyBytes - receivedBytes)
    receivedBytes += taken
    let bytes = UnsafeRawBufferPointer(rebasing: come[..<taken])
    let reading = HTTPResponse.isSuccess(easy.status) ? request.reader?(bytes) : nil
    if reading != nil { easy.setReuse(reading == .isAnswer) }
    let isKept = keep(bytes, reading)
    isCut = taken < come.count || !isKept && (reading == nil || reading == .isUseless)
    return isCut ? 0 : count
  }

  /// The bytes without a byte order mark at the body's beginning, which JSON has none of and some servers send.
  private func withoutMark(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var rest = bytes[...]
    while markCount < Transfer.mark.count, let first = rest.first {
      guard first == Transfer.mark[markCount] else {
        markCount = Transfer.mark.count
        break
      }
      rest = rest.dropFirst()
      markCount += 1
    }
    return UnsafeRawBufferPointer(rebasing: rest)
  }

  private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

  /// Whether all of the bytes are kept.
  private func keep(_ bytes: UnsafeRawBufferPointer, _ reading: HTTPRequest.Reading?) -> Bool {
    if reading?.needsNoBody == true, body.count + bytes.count > HTTPRequest.keptBytesOfRead {
      body = Data()
      isBodyRead = true
    }
    guard !isBodyRead else { return false }
    let kept = request.reader == nil ? bytes.count : min(bytes.count, HTTPRequest.keptBytes - body.count)
    body.append(contentsOf: bytes.prefix(kept))
    return kept == bytes.count
  }

  private func receiveHeader(_ bytes: UnsafeMutablePointer<CChar>?, count: Int) -> Int {
    let line = String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
    if line.hasPrefix("HTTP/") {
      headers = HTTPHeaders()
    } else if let colon = line.firstIndex(of: ":") {
      headers.add(line[..<colon], line[line.index(after: colon)...])
    } else if easy.status == 101 {
      // Nobody asked for another protocol: what follows is none of HTTP's, and would be waited for until the timeout.
      isCut = true
      return 0
    } else if receivedBytes == 0 {
      // The head's end. Behind a balancer, a kept connection leads to the same broken server each time.
      easy.setReuse(HTTPResponse.isSuccess(easy.status) ? request.reader == nil : easy.status == 429)
    }
    return count
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> Transfer {
    guard let context else { preconditionFailure("libcurl calls back with the context that it was given") }
    return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  }
}
