import Foundation

extension HTTPClient.Options {
  /// The user and the password of each proxy that may be used, here or by the environment: as they are written, as they are
  /// meant, and as a request carries them.
  func proxySecrets(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> [String] {
    let names = ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    let proxies = [proxy].compactMap(\.self) + names.compactMap { environment[$0] }
    return Set(proxies.flatMap(Self.secrets)).sorted { $0.utf8.count > $1.utf8.count }
  }

  private static func secrets(of proxy: String) -> [String] {
    guard let end = proxy.lastIndex(of: "@") else { return [] }
    let start = proxy.range(of: "://")?.upperBound ?? proxy.startIndex
    guard start < end else { return [] }
    let parts = proxy[start..<end].split(separator: ":", maxSplits: 1).map(String.init)
    let meant = parts.map { $0.removingPercentEncoding ?? $0 }
    return parts + meant + [Data(meant.joined(separator: ":").utf8).base64EncodedString()]
  }
}
