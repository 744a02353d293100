import ArgumentParser
import Backfill
import Foundation
import Tokenizer

struct TokenizerInstallCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "install", abstract: "Install cl100k_base's vocabulary for this user.",
    discussion: """
      Downloads it from OpenAI, unless it is already there, checks its SHA-256, and prepares it so that it loads at once.
      """)

  private static let address = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"
  private static let byteCount = 1_681_126
  private static let sha256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"

  @Option(help: ArgumentHelp("A file, or an http or https URL, to take it from.", valueName: "source"))
  var from: String?

  func run() throws {
    let folder = VocabularyFolder.perUser(ProcessInfo.processInfo.environment)
    let source = from ?? (Self.holdsVocabulary(folder.original) ? folder.original : Self.address)
    let original = try Self.read(source)
    guard Self.isVocabulary(original) else { throw Failure(.badData, source, "is not cl100k_base's vocabulary") }
    do {
      try folder.install(original, from: source)
    } catch {
      throw Failure(error)
    }
    print(folder.prepared)
  }

  private static func read(_ source: String) throws(Failure) -> Data {
    if source.hasPrefix("https://") || source.hasPrefix("http://") {
      return try VocabularyDownload().get(source, limit: byteCount)
    }
    do {
      return try Data(contentsOf: URL(fileURLWithPath: source))
    } catch {
      throw Failure(.localIO, source, "can't be read: \(error.localizedDescription)")
    }
  }

  private static func holdsVocabulary(_ path: String) -> Bool {
    FileManager.default.contents(atPath: path).map(isVocabulary) ?? false
  }

  private static func isVocabulary(_ file: Data) -> Bool {
    let digest = file.withUnsafeBytes { TextDigest(ofUTF8: $0).bytes }
    return digest.map { String(format: "%02x", $0) }.joined() == sha256
  }
}
