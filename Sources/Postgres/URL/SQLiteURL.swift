import Backfill

/// A SQLite file's URL: SQLAlchemy's, and the forms of others that can mean only one file.
struct SQLiteURL {
  /// Relative to the working folder, or absolute.
  let path: String
  /// The names of the options that steer another driver or are set here, as they were written.
  private(set) var leftOut: [String] = []

  /// Throws a `Failure` that names an option at most.
  init(_ form: URLForm) throws {
    let (written, query) = try Self.place(form).cut(before: "?")
    guard let path = written.percentDecoded else {
      throw DatabaseURL.refusal("its path has a % that encodes nothing", "write a % as %25")
    }
    guard !path.isEmpty, path != ":memory:", !path.hasPrefix("file:"), !path.hasSuffix("/") else {
      throw Self.noFile
    }
    guard !path.unicodeScalars.contains(where: LibpqValueCheck.isControl) else {
      throw DatabaseURL.refusal("its path holds a control character", "give the file another name")
    }
    self.path = path
    for pair in query.dropFirst().parts(at: "&") where !pair.isEmpty {
      let (name, value) = pair.cut(before: "=")
      try take(ConnectionOption(String(name), String(value.dropFirst())))
    }
  }

  private static func place(_ form: URLForm) throws -> Substring {
    if form.scheme == "file" {
      let path = form.hierarchy ?? form.opaque
      guard path.utf8.first == UInt8(ascii: "/") else {
        throw DatabaseURL.refusal(
          "it is a file: URL with a relative path, which Prisma takes from the folder of schema.prisma",
          "write it from the working folder, e.g. sqlite:///prisma/dev.db")
      }
      return path
    }
    guard let rest = form.hierarchy else {
      // It may be a user with a password, of a driver that encrypts.
      guard !form.opaque.holds("@") || !form.opaque.holds(":") else { throw noFile }
      return form.opaque
    }
    guard rest.utf8.first == UInt8(ascii: "/") else { throw noFile }
    // Rails: what stands behind the slashes is absolute.
    return form.scheme == "sqlite3" ? rest : rest.dropFirst()
  }

  private mutating func take(_ option: ConnectionOption) throws {
    switch option.key {
    case "mode" where ["rw", "rwc"].contains(option.value): break
    case "mode", "immutable":
      throw DatabaseURL.refusal(
        "its option \(option.key) makes the file one that can't be written", "leave it out: vecfill writes vectors")
    case let key
    where Self.known.contains(key)
      || option.name.hasPrefix("_") && ConnectionOption(String(option.name.dropFirst()), "").canBeNamed:
      leftOut.append(option.name)
    default:
      let name = option.canBeNamed ? " \(option.name)" : ""
      let near = option.canBeNamed ? Spelling.nearest(to: option.name, in: ["mode", "immutable"]) : nil
      throw DatabaseURL.refusal(
        "vecfill doesn't know its option\(name)",
        near.map { "did you mean \($0)?" } ?? "leave it out; a ? of the file's name is %3F")
    }
  }

  /// What steers the drivers of Python, Ruby, Node, Prisma and Go; Go's begin with an underscore.
  private static let known: Set<String> = [
    "cache", "timeout", "busytimeout", "journalmode", "foreignkeys", "synchronous", "checksamethread", "uri",
    "connectionlimit", "sockettimeout", "pooltimeout", "pool", "isolationlevel", "nolock", "encoding", "charset",
    "detecttypes", "cachedstatements", "autocommit", "connmaxage", "connhealthchecks", "schema", "datetimeclass",
    "datetimeprecision",
  ]

  private static var noFile: any Error {
    DatabaseURL.refusal("it names no SQLite file", "use sqlite:///relative.db or sqlite:////absolute.db")
  }
}
