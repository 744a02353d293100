import Backfill
import FlyingFox
import FlyingSocks
import Foundation
import Glibc
import Ledger

/// Where a running process listens for what it is asked. The file goes with the lock on the job's first column: whoever has
/// that lock may replace it, as one that a killed process has left.
struct ControlSocket: Sendable {
  let path: String

  /// - Parameter column: a `ColumnIdentity`'s description.
  init(of column: String, in folder: String) {
    path = "\(folder)/\(RunLock.name(of: column).prefix(16)).sock"
  }

  private init(path: String) {
    self.path = path
  }

  /// What a socket's address holds, without the byte that ends it.
  static let mostBytes = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

  /// The sockets that are there, of processes that run or have died.
  static func all(in folder: String) -> [ControlSocket] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasSuffix(".sock") }.sorted().map { ControlSocket(path: "\(folder)/\($0)") }
  }

  var isTooLong: Bool { path.utf8.count > Self.mostBytes }

  func remove() { unlink(path) }

  /// How long an answer may take.
  private static let patience: Duration = .seconds(5)

  /// Asks the process, and returns what it answers; nil where none listens, or it does not answer in time.
  func ask(_ method: HTTPMethod, _ path: String, _ body: Data = Data()) async -> (isDone: Bool, body: Data)? {
    guard !isTooLong else { return nil }
    let address = sockaddr_un.unix(path: self.path)
    return await within(Self.patience) { () async -> (isDone: Bool, body: Data)? in
      var client = HTTPClient()
      let request = HTTPRequest(
        method: method, version: .http11, path: path, query: [], headers: [.connection: "close"], body: body)
      guard let response = try? await client.sendHTTPRequest(request, to: address),
        let answer = try? await response.bodyData
      else { return nil }
      return (response.statusCode == .ok, answer)
    } ?? nil
  }

  /// How a run stands; nil where no process listens.
  func report() async -> ControlReport? {
    await ask(.GET, "/status").flatMap { try? JSONDecoder().decode(ControlReport.self, from: $0.body) }
  }
}
