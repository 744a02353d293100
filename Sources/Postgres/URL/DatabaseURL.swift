import Backfill
import Foundation

/// Where a message database is, as `DATABASE_URL` says.
///
/// Accepted are libpq's URLs and keyword strings, and the URLs of the frameworks that are in common use: their options
/// become libpq's, and those that only steer a driver are left out with a warning. SQLite's are SQLAlchemy's
/// `sqlite:///relative.db` and `sqlite:////absolute.db`, and the forms of others that can mean only one file. TLS, the
/// service file and `.pgpass` are libpq's own business. `docs/configuration.md` has the list.
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
  /// What a person should know of the URL: one line at most, which names the options that were left out.
  package let warnings: [String]

  /// Throws a `Failure` with `.configuration`, which quotes nothing of the URL but names of options.
  package init(_ text: String) throws {
    let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard let first = text.unicodeScalars.first else {
      throw Self.refusal("it is empty", "set it to the messages' database")
    }
    guard !"'\"`".unicodeScalars.contains(first) else {
      throw Self.refusal("it begins with a quotation mark", "leave the quotation marks out")
    }
    let form = URLForm(text)
    switch form.scheme {
    case nil:
      try self.init(KeywordString.parameters(of: text))
    case "postgresql", "postgres", "postgis", "pgsql", "psql", "timescale", "timescalegis", "ecto":
      guard let rest = form.hierarchy ?? (form.isJava ? form.opaque : nil) else {
        throw Self.refusal("it has no // behind its scheme", Self.form)
      }
      let url =
        form.hierarchy == nil
        ? try PostgresURL(javaDatabase: rest) : try PostgresURL(rest, hostIsLocal: form.isJava)
      try self.init(LibpqParameters(url.options))
    case "sqlite", "sqlite3", "file":
      try self.init(SQLiteURL(form))
    case "libsql", "turso":
      throw Self.refusal(
        "it is a libSQL server's address, and vecfill opens SQLite files only",
        "use sqlite:///FILE with a local copy of the database")
    case "prisma", "prisma+postgres":
      throw Self.refusal("it is Prisma Accelerate's address", "use the database's own, as in directUrl")
    default:
      throw Self.refusal("its scheme is unknown", "use postgresql:// or sqlite:///")
    }
  }

  private init(_ parameters: LibpqParameters) throws {
    let conninfo = parameters.conninfo
    let options = try PostgresOptions(parsing: conninfo)
    engine = .postgres(conninfo: conninfo)
    identity = options.address(withUser: false)
    redacted = options.address(withUser: true)
    warnings = Self.warnings(leftOut: parameters.leftOut)
  }

  private init(_ url: SQLiteURL) {
    engine = .sqlite(path: url.path)
    let absolute = URL(fileURLWithPath: url.path).resolvingSymlinksInPath().path
    identity = "sqlite://\(absolute)"
    redacted = "sqlite:///\(url.path)"
    warnings = Self.warnings(leftOut: url.leftOut)
  }

  private static func warnings(leftOut names: [String]) -> [String] {
    guard let last = names.last else { return [] }
    let list = names.count == 1 ? last : "\(names.dropLast().joined(separator: ", ")) and \(last)"
    let verbs = names.count == 1 ? ("steers", "is") : ("steer", "are")
    return ["DATABASE_URL: \(list) \(verbs.0) another driver only, and \(verbs.1) left out here"]
  }

  package static func refusal(_ reason: String, _ remedy: String) -> Failure {
    Failure(.configuration, "DATABASE_URL", reason, remedy: remedy)
  }

  /// The remedy where nothing more particular is known.
  static let form = "use postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with percent-encoded parts"

  /// Refuses a URL whose password seems to hold a character that ends a part of a URL. Nothing of it is quoted: each
  /// piece may be one of the password.
  static var unencodedPassword: Failure {
    refusal(
      "it can't be read for certain: its user or password seems to have one of @ / ? # [ ] % that is not percent-encoded",
      "percent-encode the password: %40 for @, %2F for /, %3A for :, %3F for ?, %23 for #, %5B for [, %5D for ], %25 for %"
    )
  }
}

extension DatabaseURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { redacted }
  package var debugDescription: String { redacted }
  package var customMirror: Mirror { Mirror(self, children: ["redacted": redacted]) }
}
