import Backfill
import Foundation

/// Mistral's batch API: its files are OpenAI's, its jobs are its own.
package struct MistralBatches: BatchProvider {
  private let api: BatchAPI

  /// Batches of the requests that `embedder` would send, in the first of its encodings.
  ///
  /// Throws a `Failure` with `.configuration` for Azure's addresses and for another format than OpenAI's.
  package init(_ embedder: APIEmbedder, _ options: BatchOptions) throws(Failure) {
    api = try BatchAPI(embedder, options)
  }

  package var limits: BatchFileLimits { api.options.limits }

  package func line(_ id: String, _ texts: [String]) -> [UInt8] { api.line(id, [], texts) }

  package func upload(_ path: String, as name: String) async throws(EmbeddingFailure) -> String {
    try await api.upload(path, as: name)
  }

  package func submit(_ intent: BatchIntent, file: String) async throws(EmbeddingFailure) -> ProviderBatch {
    let model = api.embedder.options.endpoint.requestModel(api.embedder.options.model)
    let json = try await api.begin(
      "/batch/jobs",
      .object([
        "input_files": .array([.string(file)]), "endpoint": .string(OpenAIBatches.endpoint), "model": .string(model),
        "timeout_hours": .integer(api.options.windowHours), "metadata": BatchRecord.metadata(of: intent),
      ]), file: file)
    return try record(json, hasBegun: true).batch
  }

  /// The list could be filtered by metadata, too. But how a query spells that filter isn't documented, and one that was
  /// misread would hide a batch that is paid: so it is filtered by time, and looked through here.
  package func find(_ intent: BatchIntent, file: String) async throws(EmbeddingFailure) -> [ProviderBatch] {
    let oldest = intent.madeAt.addingTimeInterval(-BatchOptions.clockSlack)
    var found: [ProviderBatch] = []
    var seen: Set<String> = []
    var number = 0
    while true {
      let query = [
        "page": "\(number)", "page_size": "100", "order_by": "-created",
        "created_after": oldest.formatted(.iso8601),
      ]
      guard let page = try await api.call("/batch/jobs", query: query) else {
        throw api.unreadable("the reply is no list of batches")
      }
      // A list without jobs may be left out.
      let list = page["data"]?.list ?? []
      var records: [BatchRecord] = []
      for entry in list { records.append(try record(entry)) }
      records = records.filter { seen.insert($0.batch.id).inserted }
      found += records.filter { $0.isOf(intent, file: file) }.map(\.batch)
      let areOlder = records.allSatisfy { $0.batch.createdAt.map { $0 < oldest } ?? false }
      guard !areOlder, seen.count < page["total"]?.number ?? .max else { return found }
      number += 1
    }
  }

  package func batch(_ id: String) async throws(EmbeddingFailure) -> ProviderBatch? {
    guard let json = try await api.call("/batch/jobs/\(id)") else { return nil }
    return try record(json).batch
  }

  package func cancel(_ id: String) async throws(EmbeddingFailure) {
    try await api.cancel("/batch/jobs/\(id)/cancel") { () async throws(EmbeddingFailure) in try await batch(id) }
  }

  package func answers(
    in file: String, count: @escaping @Sendable (String) -> Int?,
    _ body: @escaping @Sendable (BatchAnswer) async throws -> Void
  ) async throws -> Bool {
    try await api.answers(in: file, count: count, body)
  }

  package func delete(file: String) async throws(EmbeddingFailure) { try await api.delete(file: file) }

  private static let states: [String: ProviderBatch.State] = [
    "success": .completed, "failed": .failed, "timeout_exceeded": .expired, "cancelled": .cancelled,
  ]

  /// - Parameter hasBegun: whether a reply that can't be read hides a batch.
  private func record(_ json: JSONValue, hasBegun: Bool = false) throws(EmbeddingFailure) -> BatchRecord {
    guard var record = BatchRecord(json, Self.states) else {
      throw api.unreadable("a batch has no id", mayHaveBeenBilled: hasBegun)
    }
    record.inputFiles = json["input_files"]?.list?.compactMap(\.text) ?? []
    record.batch.outputFile = json["output_file"]?.id
    record.batch.errorFile = json["error_file"]?.id
    record.batch.total = json["total_requests"]?.number
    // `completed_requests` counts those that failed, too.
    record.batch.completed = json["succeeded_requests"]?.number
    record.batch.failedRequests = json["failed_requests"]?.number
    record.end(with: json["errors"]?.list ?? [])
    return record
  }
}
