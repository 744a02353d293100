import Backfill

/// The environment's variables and, below them, those of `.env`. It holds secrets, so that a dump leaves them out (P10).
struct Variables: Sendable {
  let environment: [String: String]
  let dotenv: DotEnv

  /// A variable's text and where it is set; nil where it is not set, or set to nothing.
  func value(of name: String) -> (text: String, origin: Origin)? {
    if let text = environment[name], !text.isEmpty { return (text, .environment(name)) }
    guard let entry = dotenv.entries[name], !entry.value.isEmpty else { return nil }
    return (entry.value, .dotenv(file: dotenv.file, line: entry.line))
  }

  /// The key that the variable `name` holds; nil where it is not set. Throws a `Failure` for what no header can carry.
  func key(_ name: String) throws(Failure) -> (secret: Secret, origin: Origin)? {
    guard let (text, origin) = value(of: name) else { return nil }
    try refuseQuotes(of: text, origin, called: name)
    guard case .secret(let secret)? = Allowed.key.value(of: text) else {
      throw Failure(.configuration, origin.place, "\(name) must be \(Allowed.key)")
    }
    return (secret, origin)
  }

  /// Refuses a key in quotes, which no provider takes for its own.
  func refuseQuotes(of text: String, _ origin: Origin, called name: String) throws(Failure) {
    guard text.count > 1, let first = text.first, "\"'".contains(first), text.last == first else { return }
    throw Failure(
      .configuration, origin.place, "\(name) stands in quotes, which are a part of it there",
      remedy: "take them away; `docker --env-file`, for one, keeps them")
  }
}

extension ProcessContext {
  /// The environment with what `.env` sets beside it, for variables that set no `Parameter`.
  ///
  /// A `.env` that can't be read is left out: `JobConfiguration` tells of it.
  package var variables: [String: String] {
    let entries = (try? DotEnv(in: self))?.entries ?? [:]
    return environment.merging(entries.mapValues(\.value)) { $0.isEmpty ? $1 : $0 }
  }
}

extension Variables: CustomReflectable {
  var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension Origin {
  /// The place of every flag in an error.
  static let commandLine = "command line"

  /// The place of a value in an error, which names the variable as well.
  var place: String {
    if case .environment = self { "environment" } else { "\(self)" }
  }
}
