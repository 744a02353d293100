import ArgumentParser

/// How a command says what it does.
enum LogFormat: String, ExpressibleByArgument, CaseIterable {
  /// For people.
  case text
  /// One JSON object a line, for machines.
  case json

  /// What a command line asks for, also one that can't be understood.
  init(arguments: [String]) {
    let words = arguments.prefix { $0 != "--" }
    let isJSON =
      words.contains("--json") || words.contains("--log-format=json")
      || zip(words, words.dropFirst()).contains { $0 == "--log-format" && $1 == "json" }
    self = isJSON ? .json : .text
  }
}
