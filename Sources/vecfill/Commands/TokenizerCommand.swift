import ArgumentParser
import Backfill
import Foundation
import Tokenizer

struct TokenizerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenizer", abstract: "Count tokens as OpenAI's embedding models do (cl100k_base).",
    discussion: """
      Run `install` once: then estimates and runs count exactly too. Without the vocabulary they estimate (docs/tokenizer.md).
      """,
    subcommands: [Count.self, Encode.self, TokenizerInstallCommand.self])

  /// - Parameter command: with what stands before `vecfill` in the example.
  private static func discussion(_ command: String) -> String {
    """
    Reads one JSON string per line from standard input. Special tokens are read as plain text.

    Example: `\(command)`
    """
  }

  struct Count: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print the number of tokens of each text, one per line.",
      discussion: TokenizerCommand.discussion("echo '\"hello world\"' | vecfill tokenizer count"))

    func run() throws {
      let tokenizer = try TokenizerCommand.load()
      try TextLines.answerEach { text, line in line += String(tokenizer.count(text)).utf8 }
    }
  }

  struct Encode: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print the token ids of each text, one JSON array per line.",
      discussion: TokenizerCommand.discussion("echo '\"hello world\"' | vecfill tokenizer encode"))

    func run() throws {
      let tokenizer = try TokenizerCommand.load()
      try TextLines.answerEach { text, line in
        line.append(UInt8(ascii: "["))
        for (index, id) in tokenizer.encode(text).enumerated() {
          if index > 0 { line.append(UInt8(ascii: ",")) }
          line += String(id).utf8
        }
        line.append(UInt8(ascii: "]"))
      }
    }
  }

  private static func load() throws(Failure) -> Cl100kBase {
    do {
      return try Cl100kBase(from: VocabularyFolder.searched(ProcessInfo.processInfo.environment))
    } catch {
      throw Failure(error)
    }
  }
}
