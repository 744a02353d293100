import ArgumentParser
import Backfill
import EmbeddingAPIs
import Foundation
import Tokenizer

struct TokenizerInstallCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "install", abstract: "Install cl100k_base's vocabulary for this user.",
    discussion: """
      Downloads it from OpenAI if it is not there, checks its SHA-256, and prepares it for a fast start. The folder is \
      $VECFILL_DATA_DIR, else $XDG_DATA_HOME/vecfill, else ~/.local/share/vecfill. vecfill also looks beside its binary \
      and in ../share/vecfill, which is for all users.

      Example: `vecfill tokenizer install`
      """)

  private static let address = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"
  private static let byteCount = 1_681_126
  private static let sha256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"

  @Option(
    help: ArgumentHelp("A file, or an http or https URL, to take it from.", valueName: "source"), completion: .file())
  var from: String?

  func run() async throws {
    let folder = VocabularyFolder.perUser(ProcessInfo.processInfo.environment)
    let source = from ?? (Self.holdsVocabulary(folder.original) ? folder.original : Self.address)
    let original = try await Self.read(source)
    guard Self.isVocabulary(original) else {
      throw Failure(
        .badData, Self.shown(source), "is not cl100k_base's vocabulary",
        remedy: "leave out --from to download it from OpenAI")
    }
    do {
      try folder.install(original, from: Self.shown(source))
    } catch {
      throw Failure(error)
    }
    print(folder.prepared)
  }

  private static func read(_ source: String) async throws -> Data {
    if source.hasPrefix("https://") || source.hasPrefix("http://") { return try await download(source) }
    do {
      return try Data(contentsOf: URL(fileURLWithPath: source))
    } catch {
      throw Failure(
        .localIO, shown(source), "can't be read",
        remedy: "give the path of cl100k_base.tiktoken, or leave out --from to download it")
    }
  }

  /// A URL without its user, password, query and fragment; a file's path as it is.
  private static func shown(_ source: String) -> String {
    guard source.contains("://") else { return source }
    guard var parts = URLComponents(string: source) else { return "the vocabulary's address" }
    (parts.user, parts.password, parts.query, parts.fragment) = (nil, nil, nil, nil)
    return parts.string ?? "the vocabulary's address"
  }

  private static func download(_ url: String) async throws -> Data {
    let reason: String
    do {
      let client = try HTTPClient(HTTPClient.Options(environment: ProcessInfo.processInfo.environment))
      let reply = try await client.send(HTTPRequest(url: url, maxReplyBytes: byteCount))
      if reply.status == 200, !reply.isCut { return reply.body }
      reason = reply.status == 200 ? "the reply is longer than the vocabulary" : "HTTP \(reply.status)"
    } catch let failure as HTTPFailure {
      reason = failure.reason
    }
    // The URL itself is not told: it may hold a password.
    throw Failure(
      .unavailable, URLComponents(string: url)?.host ?? "the vocabulary's address",
      "the vocabulary can't be downloaded: \(reason)",
      remedy: "get cl100k_base.tiktoken by other means and install it with --from FILE")
  }

  private static func holdsVocabulary(_ path: String) -> Bool {
    FileManager.default.contents(atPath: path).map(isVocabulary) ?? false
  }

  private static func isVocabulary(_ file: Data) -> Bool {
    let digest = file.withUnsafeBytes { TextDigest(ofUTF8: $0).bytes }
    return digest.hex == sha256
  }
}
