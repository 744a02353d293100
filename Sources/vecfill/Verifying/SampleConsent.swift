import Backfill
import Foundation

/// Whether a sample that costs money may be sent: asked at a terminal, told by --yes elsewhere.
struct SampleConsent {
  let isGiven: Bool

  /// - Parameter price: what it costs, in words.
  func isGiven(for price: String) -> Bool {
    Console.standard.log("vecfill: embeds a sample again: \(price)")
    if isGiven { return true }
    guard isatty(STDIN_FILENO) == 1 else { return false }
    Console.standard.log("Send it? Type yes to go on:")
    return readLine() == "yes"
  }
}
