import Backfill
import CCurl
import Foundation

/// The one thread that drives libcurl's multi handle, off the cooperative pool.
///
/// Other threads only hand over requests, and wake it.
final class TransferLoop: Sendable {
  private struct Inbox {
    var arrivals: [(HTTPRequest, HTTPClient.Ticket)] = []
    /// No request is to come any more; it stops when those under way have ended.
    var isRetired = false
    var isStopped = false
  }

  /// The first loop of a client is 0, the one that took its place 1, and so on.
  let generation: Int
  private let options: HTTPClient.Options
  private let inbox = Locked(Inbox())
  private let connections = Locked(Connections())
  // libcurl allows `curl_multi_wakeup` from any thread; every other use is on the loop's own thread.
  private nonisolated(unsafe) let multi: UnsafeMutableRawPointer

  /// A started loop; nil where memory is short.
  init?(options: HTTPClient.Options, generation: Int = 0) {
    guard TransferLoop.isLibcurlReady, let multi = curl_multi_init() else { return nil }
    self.options = options
    self.generation = generation
    self.multi = multi
    let thread = Thread { self.run() }
    thread.name = "vecfill.http"
    thread.start()
  }

  /// Takes a request over, whose ticket is then resumed once; false from a loop that has stopped.
  func submit(_ request: HTTPRequest, _ ticket: HTTPClient.Ticket) -> Bool {
    inbox.withLock { inbox in
      guard !inbox.isStopped else { return false }
      inbox.arrivals.append((request, ticket))
      curl_multi_wakeup(multi)
      return true
    }
  }

  /// A reply that came over the connection of this number could be used.
  func prove(connection: Int) { connections.withLock { $0.prove(connection) } }

  /// Makes the thread look for cancelled tickets and for arrivals.
  func wake() {
    // Under the lock, since a loop that was told to stop frees the handle.
    inbox.withLock { if !$0.isStopped { curl_multi_wakeup(multi) } }
  }

  /// Ends the thread and its connections. No request may be under way.
  func stop() {
    inbox.withLock {
      $0.isStopped = true
      curl_multi_wakeup(multi)
    }
  }

  /// Ends the thread and its connections once the requests under way have ended.
  func retire() {
    inbox.withLock {
      $0.isRetired = true
      if !$0.isStopped { curl_multi_wakeup(multi) }
    }
  }

  private func run() {
    // Signals are for the main thread; a blocked SIGPIPE from a connection that was lost does no harm.
    var everySignal = sigset_t()
    sigfillset(&everySignal)
    pthread_sigmask(SIG_BLOCK, &everySignal, nil)

    var transfers: [UnsafeMutableRawPointer: Transfer] = [:]
    while true {
      let (arrivals, isStopped) = inbox.withLock { inbox in
        defer { inbox.arrivals = [] }
        if inbox.isRetired, inbox.arrivals.isEmpty, transfers.isEmpty { inbox.isStopped = true }
        return (inbox.arrivals, inbox.isStopped)
      }
      guard !isStopped else { break }
      for (request, ticket) in arrivals { start(request, ticket, in: &transfers) }
      for transfer in transfers.values where transfer.isCancelled {
        abandon(transfer, .cancelled, "cancelled", in: &transfers)
      }
      for transfer in transfers.values { transfer.goOn() }
      var runningCount: Int32 = 0
      var code = curl_multi_perform(multi, &runningCount)
      finishEnded(in: &transfers)
      if code == CURLM_OK { code = curl_multi_poll(multi, nil, 0, 60_000, nil) }
      guard code != CURLM_OK else { continue }
      for transfer in transfers.values {
        abandon(transfer, .interrupted, String(cString: curl_multi_strerror(code)), in: &transfers)
      }
    }
    curl_multi_cleanup(multi)
  }

  private func start(
    _ request: HTTPRequest, _ ticket: HTTPClient.Ticket, in transfers: inout [UnsafeMutableRawPointer: Transfer]
  ) {
    guard let transfer = Transfer(request, ticket: ticket, options: options, generation: generation),
      curl_multi_add_handle(multi, transfer.easyPointer) == CURLM_OK
    else {
      let reason = "libcurl refused the request's options"
      ticket.resume(
        .failure(HTTPFailure(cause: .misconfigured, reason: reason, wasSent: false, isOfProvenConnection: false)))
      return
    }
    transfers[transfer.easyPointer] = transfer
  }

  private func abandon(
    _ transfer: Transfer, _ cause: HTTPFailure.Cause, _ reason: String,
    in transfers: inout [UnsafeMutableRawPointer: Transfer]
  ) {
    curl_multi_remove_handle(multi, transfer.easyPointer)
    transfers[transfer.easyPointer] = nil
    transfer.abandon(cause, reason)
  }

  private func finishEnded(in transfers: inout [UnsafeMutableRawPointer: Transfer]) {
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      // The message is gone once its handle is removed.
      let (kind, easy, code) = (message.pointee.msg, message.pointee.easy_handle, message.pointee.data.result)
      guard kind == CURLMSG_DONE, let easy, let transfer = transfers.removeValue(forKey: easy) else { continue }
      curl_multi_remove_handle(multi, easy)
      let (number, isProven) = connections.withLock { $0.use(transfer.connection, endedWith: code) }
      transfer.finish(code, connection: number, isProven: isProven)
    }
  }

  private static let isLibcurlReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
}
