import Backfill
import Foundation

/// A batch API by files of lines. Files are OpenAI's unless an API has its own; the batches themselves each has in its own
/// way.
protocol FileBatches: BatchProvider {
  var api: BatchAPI { get }
  /// Where the batches are, e.g. "/batches".
  static var path: String { get }
  /// What the API's states are, by their names in lower case; any other one is under way.
  static var states: [String: ProviderBatch.State] { get }

  /// The batch that `json` shows, with its id, its state and what it is found by; nil where it has no id.
  func outline(of json: JSONValue) -> BatchRecord?

  /// Takes over what `json` shows of a batch beside its outline.
  func fill(_ record: inout BatchRecord, from json: JSONValue)
}

extension FileBatches {
  package var limits: BatchFileLimits { api.options.limits }

  package func upload(_ path: String, as name: String) async throws(EmbeddingFailure) -> String {
    try await api.upload(path, as: name)
  }

  package func batch(_ id: String) async throws(EmbeddingFailure) -> ProviderBatch? {
    guard let json = try await api.call("\(Self.path)/\(id)") else { return nil }
    return try record(json).batch
  }

  package func cancel(_ id: String) async throws(EmbeddingFailure) {
    try await api.cancel("\(Self.path)/\(id)/cancel") { () async throws(EmbeddingFailure) in try await batch(id) }
  }

  package func answers(
    in file: String, count: @escaping @Sendable (String) -> Int?,
    _ body: @escaping @Sendable (BatchAnswer) async throws -> Void
  ) async throws -> Bool {
    try await api.answers(to: try api.request("/files/\(file)/content"), count: count, body)
  }

  package func delete(file: String) async throws(EmbeddingFailure) { try await api.delete(file: file) }

  func outline(of json: JSONValue) -> BatchRecord? { BatchRecord(json, Self.states) }

  /// - Parameter hasBegun: whether a reply that can't be read hides a batch.
  func record(_ json: JSONValue, hasBegun: Bool = false) throws(EmbeddingFailure) -> BatchRecord {
    guard var record = outline(of: json) else {
      throw api.unreadable("a batch has no id", mayHaveBeenBilled: hasBegun)
    }
    guard api.mayBeShown(id: record.batch.id) else {
      throw api.unreadable("a batch's id holds the key", mayHaveBeenBilled: hasBegun)
    }
    record.batch.told = api.shown(state: record.batch.told)
    fill(&record, from: json)
    record.endIfDone()
    return record
  }

  /// Looks for the batches of `intent` in a list, newest first.
  ///
  /// - Parameter page: gives the next page, behind the batch with the id `last`; with nothing older than `oldest`, if it can.
  func find(
    _ intent: BatchIntent, file: String,
    _ page: (_ last: String?, _ oldest: Date) async throws(EmbeddingFailure) -> BatchListPage
  ) async throws(EmbeddingFailure) -> [ProviderBatch] {
    let oldest = intent.madeAt.addingTimeInterval(-BatchOptions.clockSlack)
    var found: [ProviderBatch] = []
    var seen: Set<String> = []
    var last: String?
    while true {
      let page = try await page(last, oldest)
      var records: [BatchRecord] = []
      for entry in page.entries { records.append(try record(entry)) }
      // A server that doesn't know how to go on gives its first page again: nothing of it is new then.
      records = records.filter { seen.insert($0.batch.id).inserted }
      found += records.filter { $0.isOf(intent, file: file) }.map(\.batch)
      let areOlder = records.allSatisfy { $0.batch.createdAt.map { $0 < oldest } ?? false }
      guard !areOlder, !page.isLast(seen.count), let next = records.last else { return found }
      last = next.batch.id
    }
  }
}

/// A page of a list of batches.
struct BatchListPage {
  let entries: [JSONValue]
  /// Whether no other page follows, once so many batches were seen.
  let isLast: (_ seen: Int) -> Bool
}
