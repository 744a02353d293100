import Backfill
import CPostgres
import Foundation

/// Where a message database is, as `DATABASE_URL` tells it.
///
/// Accepted are libpq's URLs and keyword strings, SQLAlchemy's `postgresql+DRIVER://` of the same form, and
/// SQLAlchemy's `sqlite:///relative.db` and `sqlite:////absolute.db`, a driver allowed there too. TLS, the service
/// file and `.pgpass` are libpq's own business.
package struct DatabaseURL: Hashable, Sendable {
  package enum Engine: Hashable, Sendable {
    /// What libpq is given.
    case postgres(conninfo: String)
    /// The file's path, relative to the working folder or absolute.
    case sqlite(path: String)
  }

  package let engine: Engine
  /// The URL without its password, for people.
  package let redacted: String
  /// Which database this is, without a secret, a user or an option: the same for each way to spell the URL, but a host
  /// goes by the name it is given.
  package let identity: String

  /// Throws a `Failure` with `.configuration`, which quotes nothing that could be a secret.
  package init(_ text: String) throws {
    let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !text.isEmpty else { throw Self.refusal("it is empty", "set it to the messages' database") }
    guard let separator = text.firstRange(of: "://"), text[..<separator.lowerBound].allSatisfy(\.isSchemeCharacter)
    else {
      try self.init(conninfo: text)
      return
    }
    let scheme = text[..<separator.lowerBound].lowercased().split(separator: "+", maxSplits: 1).map(String.init)
    let rest = text[separator.upperBound...]
    switch scheme.first {
    case "postgresql", "postgres":
      try self.init(conninfo: "postgresql://" + (scheme.last == "asyncpg" ? Self.libpqOptions(rest) : String(rest)))
    case "sqlite":
      try self.init(sqlitePath: rest)
    default:
      throw Self.refusal("its scheme is none that vecfill knows", "use postgresql:// or sqlite:///")
    }
  }

  private init(conninfo: String) throws {
    let options = try PostgresOptions(parsing: conninfo)
    if let host = options["host"], host.contains("@") {
      throw Self.refusal("its host holds an @", "write an @ of the password as %40")
    }
    engine = .postgres(conninfo: conninfo)
    identity = options.address(withUser: false)
    redacted = options.address(withUser: true)
  }

  private init(sqlitePath rest: Substring) throws {
    let path = rest.dropFirst().prefix { $0 != "?" }
    guard rest.first == "/", !path.isEmpty, path != ":memory:", !path.hasPrefix("file:") else {
      throw Self.refusal("it names no SQLite file", "use sqlite:///relative.db or sqlite:////absolute.db")
    }
    engine = .sqlite(path: String(path))
    let absolute = URL(fileURLWithPath: String(path)).resolvingSymlinksInPath().path
    identity = "sqlite://\(absolute)"
    redacted = "sqlite:///\(path)"
  }

  package static func refusal(_ reason: String, _ remedy: String) -> Failure {
    Failure(.configuration, "DATABASE_URL", reason, remedy: remedy)
  }

  /// asyncpg's query options as libpq's: `ssl` is its `sslmode`, and those that steer only the driver go.
  private static func libpqOptions(_ rest: Substring) -> String {
    let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return String(rest) }
    let driverOnly: Set<Substring> = [
      "async_fallback", "command_timeout", "prepared_statement_cache_size", "prepared_statement_name_func",
      "statement_cache_size", "timeout",
    ]
    let options = parts[1].split(separator: "&").compactMap { option -> String? in
      let name = option.prefix { $0 != "=" }
      guard !driverOnly.contains(name) else { return nil }
      guard name == "ssl" else { return String(option) }
      let mode = option.dropFirst("ssl=".count)
      return "sslmode=\(mode == "true" ? "require" : mode)"
    }
    return options.isEmpty ? String(parts[0]) : "\(parts[0])?\(options.joined(separator: "&"))"
  }
}

extension DatabaseURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { redacted }
  package var debugDescription: String { redacted }
  package var customMirror: Mirror { Mirror(self, children: ["redacted": redacted]) }
}

extension Character {
  fileprivate var isSchemeCharacter: Bool { isASCII && (isLetter || isNumber || self == "+") }
}
