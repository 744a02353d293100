import Backfill
import Foundation
import TestSupport
import Testing

@testable import EmbeddingAPIs

/// Files of lines, written whole or not at all, and read in bounded memory.
@Suite struct LineFileTests {
  static func lines(_ path: String, most: Int = 1 << 20) throws -> [LineFile.Line] {
    let file = try LineFile(path, mostLineBytes: most)
    var lines: [LineFile.Line] = []
    while let line = try file.next() { lines.append(line) }
    return lines
  }

  @Test(arguments: [false, true])
  func `what is written is read, plain or compressed`(compresses: Bool) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.jsonl")
    let part = try PartFile(path, compresses: compresses)
    let texts = (0..<3_000).map { "\($0) \(String(repeating: "x", count: $0 % 700))" }
    for text in texts { try part.add(Array((text + "\n").utf8)) }
    #expect(!FileManager.default.fileExists(atPath: path))
    try part.finish()
    let read = try Self.lines(path)
    #expect(read.map { String(decoding: $0.bytes, as: UTF8.self) } == texts)
    #expect(read.map(\.number) == Array(1...3_000) && !read.contains(where: \.isCutOff))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.jsonl"])
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)).starts(with: [0x1F, 0x8B]) == compresses)
  }

  @Test func `a compressed file that lacks its end is read as far as it goes, and then told`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.jsonl.gz")
    let part = try PartFile(path, compresses: true)
    for number in 0..<20_000 { try part.add(Array("\(number) \(UUID())\n".utf8)) }
    try part.finish()
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    try data.prefix(data.count / 2).write(to: URL(fileURLWithPath: path))
    let lines = try Self.lines(path)
    #expect(lines.count > 100 && lines.count < 20_000)
    #expect(lines.last?.isCutOff == true && !lines.dropLast().contains(where: \.isCutOff))
  }

  @Test func `a line that is too long is stepped over, and the last one may lack its end`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.jsonl")
    try Data("a\n\(String(repeating: "x", count: 600_000))\nb\n\nc".utf8).write(to: URL(fileURLWithPath: path))
    let lines = try Self.lines(path, most: 1_000)
    #expect(lines.map { String(decoding: $0.bytes, as: UTF8.self) } == ["a", "", "b", "", "c"])
    #expect(lines.map(\.isTooLong) == [false, true, false, false, false])
    #expect(lines.map(\.isCutOff) == [false, false, false, false, true])
    try Data().write(to: URL(fileURLWithPath: path))
    #expect(try Self.lines(path).isEmpty)
  }

  @Test(.enabled(if: SmallDisk.isPossible)) func `a full disk is an error, and the file isn't there`() throws {
    let folder = try TemporaryFolder()
    let disk = try SmallDisk(in: folder, megabytes: 1)
    let error = try #require(throws: Failure.self) {
      let part = try PartFile(disk.path + "/a.jsonl", compresses: false)
      for _ in 0..<40 { try part.add([UInt8](repeating: 0x78, count: 100_000)) }
      try part.finish()
    }
    #expect(error.exitCode == .localIO && error.remedy?.contains("make room") == true, "\(error)")
    #expect(!FileManager.default.fileExists(atPath: disk.path + "/a.jsonl"))
  }
}
