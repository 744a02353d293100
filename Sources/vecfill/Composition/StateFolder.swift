import Backfill
import Foundation

/// Where vecfill keeps what outlives a run: `$XDG_STATE_HOME/vecfill`, or `~/.local/state/vecfill`.
struct StateFolder {
  let path: String

  init(environment: [String: String] = ProcessInfo.processInfo.environment) throws(Failure) {
    if let folder = environment["XDG_STATE_HOME"], folder.hasPrefix("/") {
      path = folder + "/vecfill"
    } else if let home = environment["HOME"], home.hasPrefix("/") {
      path = home + "/.local/state/vecfill"
    } else {
      throw Failure(
        .configuration, "HOME", "there is no home folder to keep the ledger in", remedy: "set HOME or XDG_STATE_HOME")
    }
  }

  var ledger: String { path + "/vecfill.db" }
  var locks: String { path + "/locks" }
  /// Where running processes listen for what they are asked.
  var sockets: String { path + "/run" }
}
