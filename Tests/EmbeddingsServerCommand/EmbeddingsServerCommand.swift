import Foundation
import TestSupport
import Tokenizer

/// Serves the tests' embeddings API by itself, for benchmarks: prints its base URL, and ends with its standard input.
///
///     embeddings-server [DIMENSIONS] [cl100k_base]    # counts tokens by the installed vocabulary, as OpenAI does
///     embeddings-server batches=validating,in_progress,finalizing enqueued=50000   # its batches' states; inputs at most
///     embeddings-server other=MODEL …                 # has this model, too, whose vectors of a text are others
@main
enum EmbeddingsServerCommand {
  nonisolated static func main() async throws {
    var options = EmbeddingsServer.Options()
    let arguments = CommandLine.arguments.dropFirst()
    options.dimensions = arguments.compactMap { Int($0) }.first ?? 1536
    if arguments.contains("cl100k_base") {
      let tokenizer = try Cl100kBase(from: VocabularyFolder.searched(ProcessInfo.processInfo.environment))
      options.tokens = { tokenizer.count($0) }
    }
    options.otherModels = Set(arguments.filter { $0.hasPrefix("other=") }.map { String($0.dropFirst("other=".count)) })
    func values(_ name: String) -> [String] {
      arguments.filter { $0.hasPrefix("\(name)=") }.map { String($0.dropFirst(name.count + 1)) }
    }
    if let states = values("batches").first { options.batches.progress = states.split(separator: ",").map(String.init) }
    options.batches.mostEnqueuedInputs = values("enqueued").first.flatMap { Int($0) }
    options.apiKey = nil
    try await EmbeddingsServer.run(options) { @Sendable server in
      FileHandle.standardOutput.write(Data((server.root + "/v1\n").utf8))
      await untilInputEnds()
      let record = server.record
      let counts = "requests \(record.requests.count), tokens \(record.billedTokens)"
      if server.batchLog.begun > 0 { print("batches \(server.batchLog.begun), uploads \(server.batchLog.uploads)") }
      print("\(counts), billed twice \(record.billedTwice), at once \(record.peakInFlight)")
    }
  }

  private static func untilInputEnds() async {
    await withCheckedContinuation { ended in
      DispatchQueue.global().async {
        while readLine() != nil {}
        ended.resume()
      }
    }
  }
}
