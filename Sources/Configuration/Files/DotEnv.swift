import Backfill
import Foundation

/// The variables of a `.env` file, read as a shell would where shells and the common readers agree, and otherwise
/// refused.
///
/// A line is `NAME=value`, `export NAME=value`, blank or a comment. A bare value ends at a white space and "#" or at the
/// line's end and is taken as it is; in single quotes nothing is special; in double quotes `\n`, `\r`, `\t`, `\\`, `\"`
/// and `\$` are. Quoted values may span lines. "$" is always literal. The last of several equal names wins.
struct DotEnv {
  struct Entry: Equatable {
    let value: String
    let line: Int
  }

  /// The file's path as a person reads it.
  let file: String
  private(set) var entries: [String: Entry] = [:]

  /// Reads the working folder's `.env`; without such a file there are no entries. A folder of that name may be a Python
  /// environment, but an empty one stands where a file was meant.
  init(in process: ProcessContext) throws(Failure) {
    let path = process.absolute(".env")
    file = process.shown(path)
    let files = FileManager.default
    var isFolder: ObjCBool = false
    guard files.fileExists(atPath: path, isDirectory: &isFolder) else {
      guard (try? files.destinationOfSymbolicLink(atPath: path)) == nil else {
        throw Failure(.configuration, file, "is a link to no file", remedy: "put the file there, or remove the link")
      }
      return
    }
    guard !isFolder.boolValue else {
      guard (try? files.contentsOfDirectory(atPath: path))?.isEmpty != true else {
        throw Failure(
          .configuration, file, "is an empty folder, not a file",
          remedy: "remove it and put the file there; Docker makes one where the file to mount is missing")
      }
      return
    }
    try read(TextFile.read(path, shown: file))
  }

  private mutating func read(_ text: String) throws(Failure) {
    var lines = DotEnvLines(text)
    while let (line, number) = lines.next() {
      var rest = line.trimmingPrefix(while: \.isBlank)
      if rest.isEmpty || rest.first == "#" { continue }
      if rest.hasPrefix("export"), rest.dropFirst(6).first?.isBlank == true {
        rest = rest.dropFirst(6).trimmingPrefix(while: \.isBlank)
      }
      let name = rest.prefix(while: \.isNameLetter)
      let afterName = rest[name.endIndex...].trimmingPrefix(while: \.isBlank)
      guard let first = name.first, !first.isNumber, afterName.first == "=" else {
        throw malformed(number, "is not NAME=value")
      }
      let written = afterName.dropFirst().trimmingPrefix(while: \.isBlank)
      let value =
        switch written.first {
        case "'": try quoted(written.dropFirst(), by: "'", &lines, number)
        case "\"": try quoted(written.dropFirst(), by: "\"", &lines, number)
        default: bare(afterName.dropFirst())
        }
      entries[String(name)] = Entry(value: value, line: number)
    }
  }

  private func bare(_ text: Substring) -> String {
    var end = text.endIndex
    for index in text.indices where text[index] == "#" && index > text.startIndex {
      if text[text.index(before: index)].isBlank {
        end = index
        break
      }
    }
    return text[..<end].trimmingCharacters(in: .whitespaces)
  }

  /// The value whose opening quote stood before `start`, to its closing quote on this line or a later one.
  private func quoted(
    _ start: Substring, by quote: Character, _ lines: inout DotEnvLines, _ number: Int
  ) throws(Failure) -> String {
    var value = ""
    var rest = start
    while true {
      guard let character = rest.popFirst() else {
        guard let (next, _) = lines.next() else { throw malformed(number, "has a quote that is never closed") }
        value += "\n"
        rest = next
        continue
      }
      if character == quote { break }
      guard character == "\\", quote == "\"" else {
        value.append(character)
        continue
      }
      switch rest.popFirst() {
      case "n": value.append("\n")
      case "r": value.append("\r")
      case "t": value.append("\t")
      case .some(let escaped) where "\\\"$".contains(escaped): value.append(escaped)
      default:
        throw malformed(
          number, "has a backslash that escapes nothing", remedy: #"write \\ for a backslash, or use single quotes"#)
      }
    }
    let after = rest.trimmingPrefix(while: \.isBlank)
    guard after.isEmpty || after.first == "#" && after.startIndex > rest.startIndex else {
      throw malformed(number, "goes on after its closing quote")
    }
    return value
  }

  private func malformed(_ line: Int, _ reason: String, remedy: String? = nil) -> Failure {
    Failure(.configuration, "\(file):\(line)", reason, remedy: remedy)
  }
}

/// The lines of a text that ends them by LF or CRLF, numbered from 1.
private struct DotEnvLines {
  private var rest: [Substring].SubSequence
  private var number = 0

  init(_ text: String) {
    rest = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }[...]
  }

  mutating func next() -> (Substring, Int)? {
    guard let line = rest.popFirst() else { return nil }
    number += 1
    return (line, number)
  }
}

extension Character {
  fileprivate var isBlank: Bool { self == " " || self == "\t" }

  fileprivate var isNameLetter: Bool { isASCII && (isLetter || isNumber) || self == "_" }
}
