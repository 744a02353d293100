import Backfill
import CPostgres

/// A database's address in libpq's own keywords, made from the options of whatever framework wrote it.
struct LibpqParameters {
  /// The names of the options that only steer another driver, as they were written.
  private(set) var leftOut: [String] = []
  private var values: [String: String] = [:]
  private var requiresTLS: String?
  /// The server's parameters for this session, in their order.
  private var session: [(name: String, value: String)] = []
  private static let keywords = PostgresOptions.keywords

  /// Throws a `Failure` that names an option at most, and never quotes a value.
  init(_ options: [ConnectionOption]) throws {
    for option in options {
      guard let meaning = OptionMeaning(of: option, keywords: Self.keywords) else { throw Self.unknown(option) }
      // As libpq has it, an option that is set to nothing isn't set; JDBC's bare "ssl" is.
      guard !option.value.isEmpty || meaning == .tls else { continue }
      try take(option, as: meaning)
    }
    values["sslmode"] = values["sslmode"] ?? requiresTLS
    // Prisma's default. PgBouncer refuses a search path, and where nobody changed it, it is this one all the same.
    if options.contains(where: { $0.key == "pgbouncer" && $0.value == "true" }) {
      session.removeAll { $0 == ("search_path", "public".quotedIdentifier) }
    }
    try LibpqValueCheck.check(values)
    if !session.isEmpty {
      values["options"] = ([values["options"]].compactMap(\.self) + session.map(Self.sessionOption))
        .joined(separator: " ")
    }
  }

  /// What libpq is given.
  var conninfo: String {
    values.sorted { $0.key < $1.key }.map { keyword, value in
      // By scalars: to a String a quote with a combining mark behind it is another character.
      "\(keyword)='\(value.unicodeScalars.map { "\\'".unicodeScalars.contains($0) ? "\\\($0)" : "\($0)" }.joined())'"
    }.joined(separator: " ")
  }

  private mutating func take(_ option: ConnectionOption, as meaning: OptionMeaning) throws {
    let word = option.value.lowercased()
    switch meaning {
    case .keyword("sslmode"):
      guard word != "no-verify" else { throw Self.noVerify(option) }
      values["sslmode"] = word
    case .keyword("options"):
      // Those who read a "+" as a space write it here.
      values["options"] = option.value.hasPrefix("-c+") ? option.value.replacing("+", with: " ") : option.value
    case .keyword(let keyword):
      values[keyword] = option.value
    case .tls:
      requiresTLS = try Self.tlsMode(option)
    case .schema:
      session.append(("search_path", option.value.quotedIdentifier))
    case .searchPath:
      session.append(("search_path", option.value))
    case .server(let name):
      session.append((name, option.value))
    case .connectMilliseconds:
      guard let milliseconds = Int32(word), milliseconds >= 0 else {
        throw Self.refused(option, "takes milliseconds", "leave it out, or use connect_timeout in seconds")
      }
      values["connect_timeout"] = "\(milliseconds / 1000 + (milliseconds % 1000 > 0 ? 1 : 0))"
    case .targetServer:
      guard let target = Self.targets[word] else {
        throw Self.refused(option, "has a value that vecfill doesn't know", "use target_session_attrs=read-write")
      }
      values["target_session_attrs"] = target
    case .hostOrder:
      guard let keyword = Self.keywords[option.key] else { return leftOut.append(option.name) }
      values[keyword] = ["true": "random", "false": "disable"][word] ?? word
    case .certificateCheck:
      guard word == "accept_invalid_certs" else {
        throw Self.refused(
          option, "is Prisma's own way to ask for a checked certificate",
          "use sslmode=verify-full&sslrootcert=FILE in its place")
      }
      leftOut.append(option.name)
    case .identityFile:
      throw Self.refused(
        option, "names a PKCS #12 file, which libpq can't read",
        "take the certificate and the key out with openssl pkcs12, and use sslcert=FILE&sslkey=FILE")
    case .ours:
      break
    case .driver:
      leftOut.append(option.name)
    }
  }

  private static let targets = [
    "any": "any", "primary": "primary", "master": "primary", "secondary": "standby", "slave": "standby",
    "standby": "standby", "preferprimary": "any", "prefersecondary": "prefer-standby",
    "preferslave": "prefer-standby",
  ]

  /// `ssl=true` and its like; asyncpg takes sslmode's words there too.
  private static func tlsMode(_ option: ConnectionOption) throws -> String {
    switch option.value.lowercased() {
    case "", "true", "1", "t", "yes", "on": return "require"
    case "false", "0", "f", "no", "off": return "disable"
    case "no-verify": throw noVerify(option)
    case let mode where LibpqValueCheck.modes.contains(mode): return mode
    default:
      throw refused(option, "takes true or false here", "use sslmode=require, or verify-full with sslrootcert=FILE")
    }
  }

  /// The server splits its options at spaces; a backslash keeps the next character.
  private static func sessionOption(_ name: String, _ value: String) -> String {
    let escaped = value.unicodeScalars.map { scalar in
      scalar == "\\" || scalar.properties.isWhitespace ? "\\\(scalar)" : "\(scalar)"
    }
    return "-c \(name)=\(escaped.joined())"
  }

  private static func noVerify(_ option: ConnectionOption) -> Failure {
    refused(
      option, "has node-postgres's no-verify, which libpq doesn't know",
      "use sslmode=require, which checks no certificate either, or verify-full with sslrootcert=FILE")
  }

  private static func refused(_ option: ConnectionOption, _ reason: String, _ remedy: String) -> Failure {
    DatabaseURL.refusal("its option \(option.name) \(reason)", remedy)
  }

  /// What came with libpq 16 to 18.
  private static let newerKeywords: Set<String> = [
    "gssdelegation", "load_balance_hosts", "max_protocol_version", "min_protocol_version", "oauth_client_id",
    "oauth_client_secret", "oauth_issuer", "oauth_scope", "require_auth", "scram_client_key", "scram_server_key",
    "servicefile", "sslcertmode", "sslkeylogfile", "sslnegotiation",
  ]

  private static func unknown(_ option: ConnectionOption) -> Failure {
    guard option.canBeNamed else {
      return DatabaseURL.refusal(
        "it has an option that vecfill doesn't know, and whose name may be a piece of a password",
        "leave it out; a password must be percent-encoded in a URL (%40 for @, %26 for &, %3D for =, %3F for ?), and in "
          + "single quotes in a keyword string")
    }
    guard !newerKeywords.contains(option.name) else {
      return DatabaseURL.refusal(
        "its option \(option.name) needs a newer libpq than the \(PostgresOptions.libraryVersion) here", "leave it out")
    }
    // Without what was meant, as sslmode, the connection would be another than was asked for.
    let known = keywords.values + OptionMeaning.names + newerKeywords
    return DatabaseURL.refusal(
      "vecfill doesn't know its option \(option.name)",
      Spelling.nearest(to: option.name, in: known.sorted()).map { "did you mean \($0)?" } ?? "leave it out")
  }
}
