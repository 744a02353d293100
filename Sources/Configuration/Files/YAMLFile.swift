import Backfill
import Yams

/// A YAML file that holds exactly one document.
enum YAMLFile {
  /// The document's root; every error of reading and parsing is one line that names the file and the place.
  static func read(_ path: String, shown: String, remedy: String? = nil) throws(Failure) -> YAMLValue {
    let text = try TextFile.read(path, shown: shown, remedy: remedy)
    guard AliasBound(text).bytes <= 2 * TextFile.maximumBytes else {
      throw Failure(
        .configuration, shown, "has aliases that may stand for more than a whole file does",
        remedy: "write out what they stand for")
    }
    let root: Node?
    do {
      root = try Parser(yaml: text, encoding: .utf8).singleRoot()
    } catch let error as YamlError {
      throw failure(error, of: text, in: shown)
    } catch {
      throw Failure(.configuration, shown, "is not YAML")
    }
    guard let root else { throw Failure(.configuration, shown, "is empty", remedy: remedy) }
    return YAMLValue(node: root, file: shown, path: "")
  }

  /// What to do about a template that stands without quotes: to YAML it is a mapping.
  static let quoteTemplate = #"put a template in quotes, as text: "{column}""#

  /// What is wrong with `line` in words that help more than libyaml's, and what to do about it; nil where it isn't known.
  private static func likely(_ line: Substring) -> (problem: String, remedy: String)? {
    if line.prefix(while: \.isWhitespace).contains("\t") {
      return ("it has a tab, and YAML takes only spaces for indentation", "put spaces in place of it")
    }
    if line.contains(/^[\s-]*text:\s*\{\s*sql:/) {
      return ("the SQL stands without quotes", #"put it in quotes, as text: {sql: "title || ': ' || body"}"#)
    }
    if line.contains(/^[\s-]*text:\s*\{/) { return ("a template stands without quotes", quoteTemplate) }
    if let match = line.firstMatch(of: /:\s+([@`%])/) {
      return ("no value begins with \(match.1)", "put the value in quotes")
    }
    return nil
  }

  private static func failure(_ error: YamlError, of text: String, in file: String) -> Failure {
    func failure(at place: some CustomStringConvertible, _ problem: String) -> Failure {
      Failure(
        .configuration, "\(file):\(place)", "is not YAML: \(problem)", remedy: "check this line and the one above it")
    }
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _):
      let lines = text.split(separator: /\r\n|\r|\n/, omittingEmptySubsequences: false)
      if lines.indices.contains(mark.line - 1), let likely = likely(lines[mark.line - 1]) {
        return Failure(.configuration, "\(file):\(mark)", "is not YAML: \(likely.problem)", remedy: likely.remedy)
      }
      // libyaml's own words name a function of its own.
      return failure(at: mark, problem.hasPrefix("Maximum nesting level") ? "it is nested too deeply" : problem)
    case .composer(let context, let problem, let mark, _):
      return failure(at: mark, context.map { "\($0.text), \(problem)" } ?? problem)
    case .reader(let problem, let offset, _, let text):
      guard let offset else { return Failure(.configuration, file, "is not YAML: \(problem)") }
      let before = text.prefix(offset)
      let column = before.unicodeScalars.reversed().prefix { $0 != "\n" }.count
      let line = before.unicodeScalars.count { $0 == "\n" }
      return failure(at: "\(line + 1):\(column + 1)", problem)
    case .duplicatedKeysInMapping(let keys, let context):
      let names = keys.sorted().map { SecretKeys.shown("\($0)") ?? "a key" }.joined(separator: ", ")
      return Failure(
        .configuration, "\(file):\(context.mark)", "\(names) is given more than once in one mapping",
        remedy: "keep one of them")
    case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
      return Failure(.configuration, file, "is not YAML")
    }
  }
}
