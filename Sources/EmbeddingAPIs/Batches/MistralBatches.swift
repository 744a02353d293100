import Backfill
import Foundation

/// Mistral's batch API: its files are OpenAI's, its jobs are its own.
package struct MistralBatches: FileBatches {
  let api: BatchAPI

  /// Batches of the requests that `embedder` would send, in the first of its encodings.
  ///
  /// Throws a `Failure` with `.configuration` for Azure's addresses and for another format than OpenAI's.
  package init(_ embedder: APIEmbedder, _ options: BatchOptions) throws(Failure) {
    api = try BatchAPI(embedder, options)
  }

  static let path = "/batch/jobs"
  static let states: [String: ProviderBatch.State] = [
    "success": .completed, "failed": .failed, "timeout_exceeded": .expired, "cancelled": .cancelled,
  ]

  package func line(_ id: String, _ texts: [String]) -> [UInt8] { api.line(id, [], texts) }

  package func submit(_ intent: BatchIntent, file: String) async throws(EmbeddingFailure) -> ProviderBatch {
    let model = api.embedder.options.endpoint.requestModel(api.embedder.options.model)
    let json = try await api.begin(
      Self.path,
      .object([
        "input_files": .array([.string(file)]), "endpoint": .string(OpenAIBatches.endpoint), "model": .string(model),
        "timeout_hours": .integer(api.options.windowHours), "metadata": BatchRecord.metadata(of: intent),
      ]), file: file)
    return try record(json, hasBegun: true).batch
  }

  /// The list could be filtered by metadata, too. But how a query spells that filter isn't documented, and one that was
  /// misread would hide a batch that is paid: so it is filtered by time, and looked through here.
  package func find(_ intent: BatchIntent, file: String) async throws(EmbeddingFailure) -> [ProviderBatch] {
    var number = 0
    return try await find(intent, file: file) { (_, oldest) async throws(EmbeddingFailure) -> BatchListPage in
      let query = [
        "page": "\(number)", "page_size": "100", "order_by": "-created",
        "created_after": oldest.formatted(.iso8601),
      ]
      number += 1
      guard let page = try await api.call(Self.path, query: query) else {
        throw api.unreadable("the reply is no list of batches")
      }
      // A list without jobs may be left out.
      return BatchListPage(entries: page["data"]?.list ?? []) { seen in seen >= page["total"]?.number ?? .max }
    }
  }

  func fill(_ record: inout BatchRecord, from json: JSONValue) {
    record.inputFiles = json["input_files"]?.list?.compactMap(\.text) ?? []
    record.batch.outputFile = json["output_file"]?.id
    record.batch.errorFile = json["error_file"]?.id
    record.batch.total = json["total_requests"]?.number
    // `completed_requests` counts those that failed, too.
    record.batch.completed = json["succeeded_requests"]?.number
    record.batch.failedRequests = json["failed_requests"]?.number
    record.end(with: json["errors"]?.list ?? [])
  }
}
