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
        let list = "`\(path.joined(separator: " "))` lists them"
        if [".yaml", ".yml"].contains(where: word.hasSuffix), let first = example(among: names) {
          let command = (["vecfill"] + path.dropFirst(2) + [first, word]).joined(separator: " ")
          return Failure(.usage, "command line", "a command is missing before \(word), e.g. `\(command)`", remedy: list)
        }
        let nearest = Spelling.nearest(to: word, in: names).map { "did you mean \($0)? " } ?? ""
        return Failure(.usage, "command line", "there is no command \(word)", remedy: nearest + list)
      }
      let configuration = known[index].configuration
      guard configuration.defaultSubcommand == nil else { return nil }
      known = configuration.subcommands
      path.append(word)
    }
    return nil
  }

  /// The command that the first arguments name, e.g. ["vecfill", "migrate", "up"].
  static func path(in arguments: [String]) -> [String] {
    var known = Vecfill.configuration.subcommands
    var path = ["vecfill"]
    for word in arguments {
      guard let command = known.first(where: { $0._commandName == word }) else { break }
      path.append(word)
      known = command.configuration.subcommands
    }
    return path
  }

  /// A command that takes a spec and changes nothing.
  private static func example(among names: [String]) -> String? {
    ["estimate", "plan"].first(where: names.contains)
  }
}
