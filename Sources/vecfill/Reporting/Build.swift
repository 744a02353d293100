import CCurl
import CPostgres
import CRelease
import GRDBSQLite

/// Which vecfill this is, as a report of a fault should name it.
enum Build {
  static let version = VECFILL_VERSION

  /// The version, the commit where the build was told it, and the versions of the libraries that this process loaded.
  static var description: String {
    let commit = String(cString: vecfill_commit())
    let libpq = PQlibVersion()
    let libcurl = String(cString: vecfill_curl_library_version())
    return """
      vecfill \(VECFILL_VERSION) (\(commit.isEmpty ? "unreleased build" : "commit \(commit)"))
      libpq \(libpq / 10000).\(libpq % 10000), libcurl \(libcurl), SQLite \(String(cString: sqlite3_libversion()))
      """
  }
}
