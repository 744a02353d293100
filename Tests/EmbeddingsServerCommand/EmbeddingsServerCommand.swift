import Foundation
import TestSupport

/// Serves the tests' embeddings API by itself, for benchmarks: prints its base URL, and ends with its standard input.
///
///     embeddings-server [DIMENSIONS]
@main
enum EmbeddingsServerCommand {
  static func main() async throws {
    var options = EmbeddingsServer.Options()
    options.dimensions = CommandLine.arguments.dropFirst().first.flatMap(Int.init) ?? 1536
    options.apiKey = nil
    try await EmbeddingsServer.run(options) { server in
      print(server.root + "/v1")
      fflush(stdout)
      for try await _ in FileHandle.standardInput.bytes {}
      let record = server.record
      print("requests \(record.requests.count)  billed twice \(record.billedTwice)  peak in flight \(record.peakInFlight)")
    }
  }
}
