import Logging

/// What a terminal can do, and what its user wants of it.
///
/// `NO_COLOR` (https://no-color.org) turns colours off, and wins. `CLICOLOR_FORCE` turns them on, also in a pipe. Else
/// there are colours at a terminal, unless `TERM` is `dumb` or missing: such a one can't move its cursor either.
struct TerminalStyle: Equatable, Sendable {
  let hasColours: Bool
  let movesCursor: Bool

  static let plain = TerminalStyle(isTerminal: false, environment: [:])

  init(isTerminal: Bool, environment: [String: String]) {
    func isSet(_ name: String) -> Bool { environment[name].map { !$0.isEmpty } ?? false }
    movesCursor = isTerminal && isSet("TERM") && environment["TERM"] != "dumb"
    let isForced = isSet("CLICOLOR_FORCE") && environment["CLICOLOR_FORCE"] != "0"
    hasColours = !isSet("NO_COLOR") && (isForced || movesCursor)
  }

  enum Colour: String {
    case red = "31"
    case green = "32"
    case yellow = "33"

    static func of(_ level: Logger.Level) -> Colour { level >= .error ? .red : .yellow }
  }

  func coloured(_ text: String, as colour: Colour) -> String {
    hasColours && !text.isEmpty ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
  }
}
