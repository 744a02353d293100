import Backfill
import Foundation

/// OpenAI's batch API, and whoever speaks it.
package struct OpenAIBatches: BatchProvider {
  private let api: BatchAPI

  /// Batches of the requests that `embedder` would send, in the first of its encodings.
  ///
  /// Throws a `Failure` with `.configuration` for Azure's addresses and for another format than OpenAI's.
  package init(_ embedder: APIEmbedder, _ options: BatchOptions) throws(Failure) {
    api = try BatchAPI(embedder, options)
  }

  package var limits: BatchFileLimits { api.options.limits }

  package func line(_ id: String, _ texts: [String]) -> [UInt8] {
    api.line(id, [("method", "POST"), ("url", Self.endpoint)], texts)
  }

  package func upload(_ path: String, as name: String) async throws(EmbeddingFailure) -> String {
    try await api.upload(path, as: name)
  }

  package func submit(_ intent: BatchIntent, file: String) async throws(EmbeddingFailure) -> ProviderBatch {
    let json = try await api.begin(
      "/batches",
      .object([
        "input_file_id": .string(file), "endpoint": .string(Self.endpoint),
        "completion_window": .string("\(api.options.windowHours)h"), "metadata": BatchRecord.metadata(of: intent),
      ]), file: file)
    return try record(json, hasBegun: true).batch
  }

  package func find(_ intent: BatchIntent, file: String) async throws(EmbeddingFailure) -> [ProviderBatch] {
    let oldest = intent.madeAt.addingTimeInterval(-BatchOptions.clockSlack)
    var found: [ProviderBatch] = []
    var seen: Set<String> = []
    var query = ["limit": "100"]
    while true {
      guard let page = try await api.call("/batches", query: query), let list = page["data"]?.list else {
        throw api.unreadable("the reply is no list of batches")
      }
      var records: [BatchRecord] = []
      for entry in list { records.append(try record(entry)) }
      // A server that doesn't know `after` gives its first page again: nothing of it is new then.
      records = records.filter { seen.insert($0.batch.id).inserted }
      found += records.filter { $0.isOf(intent, file: file) }.map(\.batch)
      let areOlder = records.allSatisfy { $0.batch.createdAt.map { $0 < oldest } ?? false }
      guard !areOlder, page["has_more"] != .boolean(false), let last = records.last else { return found }
      query["after"] = last.batch.id
    }
  }

  package func batch(_ id: String) async throws(EmbeddingFailure) -> ProviderBatch? {
    guard let json = try await api.call("/batches/\(id)") else { return nil }
    return try record(json).batch
  }

  package func cancel(_ id: String) async throws(EmbeddingFailure) {
    try await api.cancel("/batches/\(id)/cancel") { () async throws(EmbeddingFailure) in try await batch(id) }
  }

  package func answers(
    in file: String, count: @escaping @Sendable (String) -> Int?,
    _ body: @escaping @Sendable (BatchAnswer) async throws -> Void
  ) async throws -> Bool {
    try await api.answers(in: file, count: count, body)
  }

  package func delete(file: String) async throws(EmbeddingFailure) { try await api.delete(file: file) }

  static let endpoint = "/v1/embeddings"

  private static let states: [String: ProviderBatch.State] = [
    "completed": .completed, "failed": .failed, "expired": .expired, "cancelled": .cancelled,
  ]

  /// - Parameter hasBegun: whether a reply that can't be read hides a batch.
  private func record(_ json: JSONValue, hasBegun: Bool = false) throws(EmbeddingFailure) -> BatchRecord {
    guard var record = BatchRecord(json, Self.states) else {
      throw api.unreadable("a batch has no id", mayHaveBeenBilled: hasBegun)
    }
    record.inputFiles = [json["input_file_id"]?.text].compactMap(\.self)
    record.batch.outputFile = json["output_file_id"]?.id
    record.batch.errorFile = json["error_file_id"]?.id
    let counts = json["request_counts"]
    record.batch.total = counts?["total"]?.number
    record.batch.completed = counts?["completed"]?.number
    record.batch.failedRequests = counts?["failed"]?.number
    record.end(with: json["errors"]?["data"]?.list ?? json["errors"]?.list ?? [])
    return record
  }
}
