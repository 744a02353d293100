import Foundation
import Testing

@testable import Tokenizer

/// The vocabulary that `scripts/install-vocabulary` installs, loaded once.
enum InstalledVocabulary {
  static let folder = VocabularyFolder.perUser(ProcessInfo.processInfo.environment)

  private static let loaded = Result { try Cl100kBase(from: [folder]) }

  /// Skips the test that asks for it if it is not installed; under scripts/test, which sets VECFILL_TEST_ALL, fails it.
  static func tokenizer() throws -> Cl100kBase {
    do {
      return try loaded.get()
    } catch {
      let reason = "run scripts/install-vocabulary before the tests: \(error)"
      guard ProcessInfo.processInfo.environment["VECFILL_TEST_ALL"] == nil else {
        throw NotInstalled(description: reason)
      }
      try Test.cancel("\(reason)")
    }
  }

  /// Each token's bytes, from the file as OpenAI publishes it.
  static func tokens() throws -> [[UInt8]] {
    _ = try tokenizer()
    let file = try Data(contentsOf: URL(fileURLWithPath: folder.original))
    return try #require(OriginalVocabulary(file)).tokens.map(Array.init)
  }

  struct NotInstalled: Error, CustomStringConvertible {
    let description: String
  }
}
