import ArgumentParser
import Backfill
import Configuration

extension ParsableCommand {
  /// Why `arguments` name no command, with the one that was probably meant; nil where they name one, or may.
  static func unknownCommand(in arguments: some Collection<String>) -> Failure? {
    let known = configuration.subcommands
    guard !known.isEmpty, let word = arguments.first, !word.hasPrefix("-"), word != "help" else { return nil }
    if let command = known.first(where: { $0._commandName == word }) {
      return command.unknownCommand(in: arguments.dropFirst())
    }
    guard configuration.defaultSubcommand == nil else { return nil }
    let nearest = Spelling.nearest(to: word, in: known.map(\._commandName))
    let help = self == Vecfill.self ? "vecfill help" : "vecfill help \(_commandName)"
    return Failure(
      .usage, "command line", "there is no command \(word)",
      remedy: (nearest.map { "did you mean \($0)? " } ?? "") + "`\(help)` lists them")
  }
}
