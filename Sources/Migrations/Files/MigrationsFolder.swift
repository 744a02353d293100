import Backfill
import Foundation

/// Finds the migrations that ship with vecfill.
package enum MigrationsFolder {
  /// The nearest `jobs/migrations/` or `share/vecfill/migrations/` in the executable's folder or one above it.
  ///
  /// Throws a `Failure` with `.configuration` where there is none.
  package static func find(from executable: String?) throws(Failure) -> String {
    var folder = URL(filePath: executable ?? "/")
    while folder.path.count > 1 {
      folder.deleteLastPathComponent()
      for inside in ["jobs/migrations", "share/vecfill/migrations"] {
        let candidate = folder.appending(path: inside).path
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: candidate, isDirectory: &isFolder), isFolder.boolValue {
          return candidate
        }
      }
    }
    throw Failure(
      .configuration, "migrations", "there is no jobs/migrations near the executable",
      remedy: "name it with --migrations")
  }
}
