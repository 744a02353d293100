import Backfill
import Ledger

extension LedgerPlace {
  /// What it means for a run to keep its ledger there.
  ///
  /// - Parameters:
  ///   - needed: the most bytes that the replies under way take.
  ///   - refusal: why the file that is there can't be used.
  func findings(path: String, needed: Int, refusal: Failure?) -> [Finding] {
    var findings: [Finding] = []
    if let networkFileSystem {
      findings.append(
        .failed(
          "file", .configuration, "it is on \(networkFileSystem), whose locks and syncs can't be relied on",
          next: "give a path on a local disk with --ledger"))
    } else if let refusal {
      findings.append(.failed("file", refusal))
    } else if let obstacle {
      findings.append(
        .failed(
          "file", .localIO, "\(obstacle) can't be written by this user", next: "correct its rights, or give --ledger"))
    } else {
      findings.append(.ok("file", exists ? "a ledger, which can be written" : "none yet; a run can make it"))
    }
    guard let freeBytes else { return findings }
    let space = "\(freeBytes.bytes) free; the replies under way take up to \(needed.bytes)"
    if freeBytes < needed {
      findings.append(.failed("space", .localIO, space, next: "free some space there, or give --ledger"))
    } else if freeBytes < 10 * needed {
      findings.append(.warning("space", space, next: "free some space there, or give --ledger"))
    } else {
      findings.append(.ok("space", space))
    }
    return findings
  }
}
