import Foundation
import TestSupport
import Testing
import Tokenizer

/// `vecfill tokenizer` as a process, with the vocabulary that `scripts/install-vocabulary` installs.
@Suite struct TokenizerCommandTests {
  private static let installed = VocabularyFolder.perUser(ProcessInfo.processInfo.environment)

  @Test func `each line is answered by a line`() throws {
    let input = #"""
      "hello world"
      ""
      "hello <|endoftext|>"
      "\ud800"
      """#
    let encoded = try vecfill(["encode"], input: Data(input.utf8))
    #expect(encoded.output == "[15339,1917]\n[]\n[15339,83739,8862,728,428,91,29]\n[5809]\n")
    #expect(encoded.status == 0)
    #expect(try vecfill(["count"], input: Data(input.utf8)).output == "2\n0\n7\n1\n")
  }

  @Test func `lines that are longer than a read, and many, are answered in order`() throws {
    let long = "\"" + String(repeating: "word ", count: 500_000) + "\"\n"
    let input = String(repeating: "\"a\"\n\"a b\"\n", count: 300_000) + long + "\"a\"\n"
    let outcome = try vecfill(["count"], input: Data(input.utf8))
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 600_002)
    #expect(lines[599_998...] == ["1", "2", "500001", "1"])
  }

  @Test func `a bad line ends it with its number, after the lines before it`() throws {
    let outcome = try vecfill(["count"], input: Data("\"a\"\n\"a b\"\nsecret\n\"a\"\n".utf8))
    #expect(outcome.output == "1\n2\n")
    #expect(outcome.status == 65)
    #expect(outcome.errors.contains("line 3") && !outcome.errors.contains("secret"))
    #expect(outcome.errors.filter { $0 == "\n" }.count == 1)
  }

  @Test func `without the vocabulary it says what to do`() throws {
    let outcome = try vecfill(["count"], folder: "/nowhere", input: Data("\"a\"\n".utf8))
    #expect(outcome.status == 78)
    #expect(outcome.errors.contains("/nowhere") && outcome.errors.contains("vecfill tokenizer install"))
  }

  @Test func `what was installed from a file is what is used`() throws {
    let folder = try TemporaryFolder()
    let installation = try vecfill(["install", "--from", Self.installed.original], folder: folder.file("new"))
    #expect(installation.output == VocabularyFolder(path: folder.file("new")).prepared + "\n")
    #expect(try vecfill(["count"], folder: folder.file("new"), input: Data("\"a b\"\n".utf8)).output == "2\n")
    // Again, from what is there.
    #expect(try vecfill(["install"], folder: folder.file("new")).status == 0)
  }

  @Test func `what was downloaded is checked before it is installed`() throws {
    let folder = try TemporaryFolder()
    let server = try FileServer(Self.installed.path)
    let address = server.address + "/cl100k_base.tiktoken"
    #expect(try vecfill(["install", "--from", address], folder: folder.file("new")).status == 0)
    #expect(try vecfill(["count"], folder: folder.file("new"), input: Data("\"a b\"\n".utf8)).output == "2\n")
    let missing = try vecfill(["install", "--from", address + "x"], folder: folder.file("other"))
    #expect(missing.status == 69 && missing.errors.contains("HTTP 404") && missing.errors.contains("--from FILE"))
    #expect(!FileManager.default.fileExists(atPath: folder.file("other")))
  }

  @Test func `what is not the vocabulary is not installed`() throws {
    let folder = try TemporaryFolder()
    var file = try Data(contentsOf: URL(fileURLWithPath: Self.installed.original))
    file[77] ^= 1
    try file.write(to: URL(fileURLWithPath: folder.file("wrong")))
    let wrong = try vecfill(["install", "--from", folder.file("wrong")], folder: folder.file("new"))
    #expect(wrong.status == 65 && wrong.errors.contains("is not cl100k_base's vocabulary"))
    file.append(file)
    try file.write(to: URL(fileURLWithPath: folder.file("long")))
    let server = try FileServer(folder.path)
    let long = try vecfill(["install", "--from", server.address + "/long"], folder: folder.file("new"))
    #expect(long.status == 69 && long.errors.contains("longer than the vocabulary"))
    let absent = try vecfill(["install", "--from", folder.file("absent")], folder: folder.file("new"))
    #expect(absent.status == 74)
    #expect(!FileManager.default.fileExists(atPath: folder.file("new")))
  }

  private struct Outcome {
    let output: String
    let errors: String
    let status: Int32
  }

  private func vecfill(_ arguments: [String], folder: String = installed.path, input: Data = Data()) throws -> Outcome {
    let files = try TemporaryFolder()
    try input.write(to: URL(fileURLWithPath: files.file("input")))
    for name in ["output", "errors"] { try Data().write(to: URL(fileURLWithPath: files.file(name))) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
      .appendingPathComponent("vecfill")
    process.arguments = ["tokenizer"] + arguments
    process.environment = ["VECFILL_DATA_DIR": folder]
    process.standardInput = FileHandle(forReadingAtPath: files.file("input"))
    process.standardOutput = FileHandle(forWritingAtPath: files.file("output"))
    process.standardError = FileHandle(forWritingAtPath: files.file("errors"))
    try process.run()
    process.waitUntilExit()
    func text(_ name: String) throws -> String {
      try String(contentsOf: URL(fileURLWithPath: files.file(name)), encoding: .utf8)
    }
    return Outcome(output: try text("output"), errors: try text("errors"), status: process.terminationStatus)
  }

  /// Python's own HTTP server for a folder, on a free port of the loopback.
  private final class FileServer {
    let address: String
    private let process = Process()

    init(_ folder: String) throws {
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = ["python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder]
      let output = Pipe()
      process.standardOutput = output
      process.standardError = FileHandle.nullDevice
      try process.run()
      // "Serving HTTP on 127.0.0.1 port 40123 (http://127.0.0.1:40123/) ..."
      var line = Data()
      while line.last != UInt8(ascii: "\n") {
        let byte = try #require(try output.fileHandleForReading.read(upToCount: 1))
        line += byte
      }
      let match = try #require(try /\((http:\/\/.*)\/\)/.firstMatch(in: String(decoding: line, as: UTF8.self)))
      address = String(match.1)
    }

    deinit {
      // Not SIGTERM: a child of Foundation's Process has the signals blocked that dispatch's threads block.
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }
  }
}
