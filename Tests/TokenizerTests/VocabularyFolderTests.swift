import Foundation
import TestSupport
import Testing

@testable import Tokenizer

@Suite struct VocabularyFolderTests {
  @Test func `an installed vocabulary is loaded and nothing is written`() throws {
    try Self.inFolder { folder in
      try folder.install(Self.original(), from: "the installed one")
      let before = try Self.content(of: folder)
      #expect(Set(before.keys) == ["cl100k_base.tiktoken", "cl100k_base.prepared"])
      #expect(try Cl100kBase(from: [folder]).encode("hello world") == [15339, 1917])
      #expect(try Self.content(of: folder) == before)
    }
  }

  @Test func `the first folder that holds one is taken`() throws {
    let nowhere = VocabularyFolder(path: "/nowhere")
    #expect(try Cl100kBase(from: [nowhere, InstalledVocabulary.folder]).count("hello world") == 2)
  }

  @Test func `a vocabulary that is in no folder is told with the folders and what to do`() {
    let folders = [VocabularyFolder(path: "/nowhere"), VocabularyFolder(path: "/nor/here")]
    #expect(throws: VocabularyError.missing(folders)) { try Cl100kBase(from: folders) }
    let line = VocabularyError.missing(folders).description
    #expect(line.contains("/nowhere, /nor/here") && line.contains("vecfill tokenizer install"))
  }

  /// What can happen to a file on a disk.
  enum Damage: CaseIterable {
    case emptied, cutInHeader, cutInTables, cutByOneByte, longer, firstByte, hugeCounts, anyByte, lastByte, otherFile

    func apply(to file: Data) -> Data {
      var bytes = [UInt8](file)
      switch self {
      case .emptied: bytes = []
      case .cutInHeader: bytes.removeSubrange(11...)
      case .cutInTables: bytes.removeSubrange((bytes.count / 2)...)
      case .cutByOneByte: bytes.removeLast()
      case .longer: bytes.append(0)
      case .firstByte: bytes[0] ^= 1
      case .hugeCounts: bytes.replaceSubrange(0..<16, with: repeatElement(0xFF, count: 16))
      case .anyByte:
        var random = SeededGenerator.printed(of: "a damaged byte")
        bytes[Int.random(in: 16..<bytes.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
      case .lastByte: bytes[bytes.count - 1] ^= 0x80
      case .otherFile: bytes = Array(repeating: 0x41, count: bytes.count)
      }
      return Data(bytes)
    }
  }

  @Test(arguments: Damage.allCases)
  func `a damaged prepared file is refused, and replaced in memory if the original is there`(damage: Damage) throws {
    try Self.inFolder { folder in
      let damaged = damage.apply(to: try Self.prepared())
      try damaged.write(to: URL(fileURLWithPath: folder.prepared))
      #expect(throws: VocabularyError.damaged(path: folder.prepared)) { try Cl100kBase(from: [folder]) }
      try Self.original().write(to: URL(fileURLWithPath: folder.original))
      // Preparing takes seconds in a debug build.
      if damage == .anyByte {
        #expect(try Cl100kBase(from: [folder]).encode("hello world") == [15339, 1917])
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.prepared)) == damaged)
      }
    }
  }

  @Test func `a file that is not the vocabulary is refused and not installed`() throws {
    try Self.inFolder { folder in
      var file = try Self.original()
      file[1000] ^= 1
      #expect(throws: VocabularyError.notTheVocabulary(path: "elsewhere")) {
        try folder.install(file, from: "elsewhere")
      }
      #expect(try Self.content(of: folder).isEmpty)
      try file.write(to: URL(fileURLWithPath: folder.original))
      #expect(throws: VocabularyError.notTheVocabulary(path: folder.original)) { try Cl100kBase(from: [folder]) }
    }
  }

  @Test func `a file that can't be read is told`() throws {
    try Self.inFolder { folder in
      try FileManager.default.createDirectory(atPath: folder.prepared, withIntermediateDirectories: false)
      let error = #expect(throws: VocabularyError.self) { try Cl100kBase(from: [folder]) }
      guard case .unreadable(folder.prepared, _) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }

  @Test func `a folder that can't be made is told`() throws {
    try Self.inFolder { folder in
      try Data().write(to: URL(fileURLWithPath: folder.path + "/file"))
      let inside = VocabularyFolder(path: folder.path + "/file/folder")
      let error = #expect(throws: VocabularyError.self) { try inside.install(Self.original(), from: "") }
      guard case .unwritable(inside.path, _) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }

  @Test(arguments: [
    (["HOME": "/home/me"], "/home/me/.local/share/vecfill"),
    (["HOME": "/home/me", "XDG_DATA_HOME": "/data"], "/data/vecfill"),
    (["HOME": "/home/me", "XDG_DATA_HOME": ""], "/home/me/.local/share/vecfill"),
    (["HOME": "/home/me", "XDG_DATA_HOME": "/data", "VECFILL_DATA_DIR": "/mine"], "/mine"),
  ])
  func `the environment names the user's folder`(environment: [String: String], path: String) {
    #expect(VocabularyFolder.perUser(environment).path == path)
    let searched = VocabularyFolder.searched(environment).map(\.path)
    #expect(searched.first == path)
    #expect(searched.count == 3 && searched[1].hasPrefix("/"))
    #expect(searched.last == (searched[1] as NSString).deletingLastPathComponent + "/share/vecfill")
  }

  private static func original() throws -> Data {
    _ = try InstalledVocabulary.tokenizer()
    return try Data(contentsOf: URL(fileURLWithPath: InstalledVocabulary.folder.original))
  }

  private static let preparedOnce = Result {
    try inFolder { folder in
      try folder.install(original(), from: "the installed one")
      return try Data(contentsOf: URL(fileURLWithPath: folder.prepared))
    }
  }

  private static func prepared() throws -> Data { try preparedOnce.get() }

  private static func content(of folder: VocabularyFolder) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    return try Dictionary(
      uniqueKeysWithValues: names.map { name in
        (name, try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(name)")))
      })
  }

  private static func inFolder<Result>(_ body: (VocabularyFolder) throws -> Result) throws -> Result {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("vecfill-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: url) }
    return try body(VocabularyFolder(path: url.path))
  }
}
