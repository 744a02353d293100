/// The layer that a value comes from, highest precedence first.
package enum Origin: Hashable, Sendable {
  /// A flag of the command line, e.g. "--batch-size".
  case flag(String)
  /// A variable of the process's environment.
  case environment(String)
  /// A line of the working folder's `.env`.
  case dotenv(file: String, line: Int)
  case spec(file: String, line: Int)
  /// A file of `config/`, or a catalogue of models.
  case config(file: String, line: Int)
  case builtIn
}

extension Origin: CustomStringConvertible {
  package var description: String {
    switch self {
    case .flag(let name): name
    case .environment(let name): "environment \(name)"
    case .dotenv(let file, let line), .spec(let file, let line), .config(let file, let line): "\(file):\(line)"
    case .builtIn: "default"
    }
  }

  /// The layer's name in JSON.
  package var layer: String {
    switch self {
    case .flag: "flag"
    case .environment: "environment"
    case .dotenv: "dotenv"
    case .spec: "spec"
    case .config: "config"
    case .builtIn: "default"
    }
  }
}
