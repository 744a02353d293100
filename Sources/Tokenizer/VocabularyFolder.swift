import FoundationEssentials

/// A folder that can hold cl100k_base's vocabulary: as OpenAI publishes it, and in the prepared form that loads at once.
package struct VocabularyFolder: Sendable, Equatable {
  package let path: String

  package init(path: String) {
    self.path = path
  }

  /// `$VECFILL_DATA_DIR`, else `$XDG_DATA_HOME/vecfill`, else `~/.local/share/vecfill`.
  package static func perUser(_ environment: [String: String]) -> VocabularyFolder {
    func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    if let folder = value("VECFILL_DATA_DIR") { return VocabularyFolder(path: folder) }
    let home = value("HOME") ?? FileManager.default.homeDirectoryForCurrentUser.path
    return VocabularyFolder(path: (value("XDG_DATA_HOME") ?? home + "/.local/share") + "/vecfill")
  }

  /// Where this process looks: the per-user folder, then those for all users, which are the one that its binary is in and
  /// `share/vecfill` beside that one.
  package static func searched(_ environment: [String: String]) -> [VocabularyFolder] {
    guard let binary = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
      return [perUser(environment)]
    }
    let folder = URL(fileURLWithPath: binary).deletingLastPathComponent()
    let shared = folder.deletingLastPathComponent().appending(path: "share/vecfill")
    return [perUser(environment), VocabularyFolder(path: folder.path), VocabularyFolder(path: shared.path)]
  }

  package var original: String { path + "/cl100k_base.tiktoken" }
  package var prepared: String { path + "/cl100k_base.prepared" }

  /// The tokenizer, or nil if neither file is here. Writes nothing.
  ///
  /// A prepared file loads in milliseconds. Where it is missing or damaged, the original is prepared again in memory, which
  /// takes half a second.
  func load() throws(VocabularyError) -> Cl100kBase? {
    let file = try Self.read(prepared)
    if let vocabulary = file?.withUnsafeBytes({ PreparedVocabulary($0) }) { return Cl100kBase(vocabulary) }
    if let original = try Self.read(original) { return Cl100kBase(try prepare(original, from: self.original)) }
    if file != nil { throw .damaged(path: prepared) }
    return nil
  }

  /// Writes both files, each as a whole or not at all.
  ///
  /// - Parameters:
  ///   - original: the file as OpenAI publishes it.
  ///   - source: its name in an error.
  package func install(_ original: Data, from source: String) throws(VocabularyError) {
    let vocabulary = try prepare(original, from: source)
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      try original.write(to: URL(fileURLWithPath: self.original), options: .atomic)
      try Data(vocabulary.bytes).write(to: URL(fileURLWithPath: prepared), options: .atomic)
    } catch {
      throw .unwritable(path: path, reason: "\(error)")
    }
  }

  private func prepare(_ original: Data, from source: String) throws(VocabularyError) -> PreparedVocabulary {
    guard let original = OriginalVocabulary(original) else { throw .notTheVocabulary(path: source) }
    return PreparedVocabulary(original)
  }

  private static func read(_ path: String) throws(VocabularyError) -> Data? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw .unreadable(path: path, reason: "\(error)")
    }
  }
}
