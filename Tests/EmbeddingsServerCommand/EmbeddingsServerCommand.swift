import Foundation
import TestSupport

/// Serves the tests' embeddings API by itself, for benchmarks: prints its base URL, and ends with its standard input.
///
///     embeddings-server [DIMENSIONS]
@main
enum EmbeddingsServerCommand {
  nonisolated static func main() async throws {
    var options = EmbeddingsServer.Options()
    options.dimensions = CommandLine.arguments.dropFirst().first.flatMap(Int.init) ?? 1536
    options.apiKey = nil
    try await EmbeddingsServer.run(options) { @Sendable server in
      FileHandle.standardOutput.write(Data((server.root + "/v1\n").utf8))
      await untilInputEnds()
      let record = server.record
      print("requests \(record.requests.count), billed twice \(record.billedTwice), at once \(record.peakInFlight)")
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
