import ArgumentParser
import Backfill
import Configuration

/// What the parser finds wrong with the arguments, on one line as every other error.
enum UsageFailure {
  /// - Parameter arguments: they show which command's help is worth reading.
  static func failure(of error: any Error, in arguments: [String]) -> Failure {
    var message = Vecfill.message(for: error)
    var remedy = "`\(UnknownCommand.path(in: arguments).joined(separator: " ")) --help` shows what it takes"
    if let guess = message.firstRange(of: ". Did you mean ") {
      let names = message.matches(of: /'-*([^']+)'/).map { String($0.1) }
      // The parser guesses for any word, however far.
      if names.count != 2 || Spelling.nearest(to: names[0], in: [names[1]]) != nil {
        remedy = "did you mean \(message[guess.upperBound...]) \(remedy)"
      }
      message = String(message[..<guess.lowerBound])
    }
    if let negative = negative(for: message, in: arguments) { message = negative }
    message.replace(". Please provide one of ", with: ": give one of ")
    if message.hasSuffix(".") { message.removeLast() }
    let takes = help(in: Vecfill.fullMessage(for: error)).map { " (\($0))" } ?? ""
    return Failure(.usage, "command line", lowercased(message) + takes, remedy: remedy)
  }

  /// That an option takes no negative number, which the parser takes for an option, so that the value seems to be missing.
  private static func negative(for message: String, in arguments: [String]) -> String? {
    guard let missing = message.firstMatch(of: /Missing value for '(--[a-z-]+)/) else { return nil }
    let option = String(missing.1)
    guard let value = arguments.firstIndex(of: option).map({ arguments.index(after: $0) }),
      arguments.indices.contains(value), arguments[value].wholeMatch(of: /-[0-9.]+/) != nil
    else { return nil }
    return "\(option) takes no negative number, as \(arguments[value]) is"
  }

  /// What the parser shows of the option's own help, e.g. "stop after this time, e.g. 90s".
  private static func help(in report: String) -> String? {
    guard let line = report.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("Help:") }),
      let text = line.split(separator: "  ").last, text.contains(" ")
    else { return nil }
    return lowercased(text.hasSuffix(".") ? String(text.dropLast()) : String(text))
  }

  private static func lowercased(_ sentence: String) -> String {
    sentence.prefix(1).lowercased() + sentence.dropFirst()
  }
}
