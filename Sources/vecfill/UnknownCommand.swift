import ArgumentParser
import Backfill
import Configuration

/// What a person probably meant where the arguments name no command.
enum UnknownCommand {
  /// Why `arguments` name no command; nil where they name one, or may.
  static func failure(in arguments: [String]) -> Failure? {
    var known = Vecfill.configuration.subcommands
    var path = ["vecfill", "help"]
    for word in arguments {
      guard !known.isEmpty, !word.hasPrefix("-"), word != "help" else { return nil }
      let names = known.map { $0._commandName }
      guard let index = names.firstIndex(of: word) else {
        let nearest = Spelling.nearest(to: word, in: names).map { "did you mean \($0)? " } ?? ""
        return Failure(
          .usage, "command line", "there is no command \(word)",
          remedy: "\(nearest)`\(path.joined(separator: " "))` lists them")
      }
      let configuration = known[index].configuration
      guard configuration.defaultSubcommand == nil else { return nil }
      known = configuration.subcommands
      path.append(word)
    }
    return nil
  }
}
