import Backfill
import Foundation

/// OpenAI's batch API, and whoever speaks it.
package struct OpenAIBatches: FileBatches {
  let api: BatchAPI

  /// Batches of the requests that `embedder` would send, in the first of its encodings.
  ///
  /// Throws a `Failure` with `.configuration` for Azure's addresses and for another format than OpenAI's.
  package init(_ embedder: APIEmbedder, _ options: BatchOptions) throws(Failure) {
    api = try BatchAPI(embedder, options)
  }

  static let endpoint = "/v1/embeddings"
  static let path = "/batches"
  static let states: [String: ProviderBatch.State] = [
    "completed": .completed, "failed": .failed, "expired": .expired, "cancelled": .cancelled,
  ]

  package func line(_ id: String, _ texts: [String]) -> [UInt8] { api.line(id, RequestLine.endpoint, texts) }

  package func submit(_ intent: BatchIntent, file: String) async throws(EmbeddingFailure) -> ProviderBatch {
    let json = try await api.begin(
      Self.path,
      .object([
        "input_file_id": .string(file), "endpoint": .string(Self.endpoint),
        "completion_window": .string("\(api.options.windowHours)h"), "metadata": BatchRecord.metadata(of: intent),
      ]), file: file)
    return try record(json, hasBegun: true).batch
  }

  package func find(_ intent: BatchIntent, file: String) async throws(EmbeddingFailure) -> [ProviderBatch] {
    try await find(intent, file: file) { (last, _) async throws(EmbeddingFailure) -> BatchListPage in
      var query = ["limit": "100"]
      query["after"] = last
      guard let page = try await api.call(Self.path, query: query), let list = page["data"]?.list else {
        throw api.unreadable("the reply is no list of batches")
      }
      return BatchListPage(entries: list) { _ in page["has_more"] == .boolean(false) }
    }
  }

  func fill(_ record: inout BatchRecord, from json: JSONValue) {
    record.inputFiles = [json["input_file_id"]?.text].compactMap(\.self)
    record.batch.outputFile = json["output_file_id"]?.id
    record.batch.errorFile = json["error_file_id"]?.id
    let counts = json["request_counts"]
    record.batch.total = counts?["total"]?.number
    record.batch.completed = counts?["completed"]?.number
    record.batch.failedRequests = counts?["failed"]?.number
    record.end(with: json["errors"]?["data"]?.list ?? json["errors"]?.list ?? [])
  }
}
