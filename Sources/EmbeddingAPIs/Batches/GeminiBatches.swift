import Backfill
import Foundation

/// The Gemini API's batches of `asyncBatchEmbedContent`, each of a file that was uploaded.
///
/// Calls, fields and states are from google-genai (`batches.py`, `files.py`, `types.py`) and ai.google.dev/api/batch-api, read
/// in November 2026. Not verified: the form of a line of answers beside its key and its vector, the limits of a file, how
/// long an output is kept, and the error for too much enqueued.
package struct GeminiBatches: FileBatches {
  let api: BatchAPI

  /// Batches of what `embedder` would ask for, a text a line.
  ///
  /// Throws a `Failure` with `.configuration` for another format than Gemini's.
  package init(_ embedder: APIEmbedder, _ options: BatchOptions) throws(Failure) {
    api = try BatchAPI(embedder, options, .gemini)
  }

  static let path = "/batches"
  /// As `types.JobState` has them, without what stands before: "BATCH_STATE_" in replies, "JOB_STATE_" in the client.
  static let states: [String: ProviderBatch.State] = [
    "succeeded": .completed, "partially_succeeded": .completed, "failed": .failed, "cancelled": .cancelled,
    "expired": .expired,
  ]

  /// A request has one content, so a line has one text.
  package var limits: BatchFileLimits {
    let most = api.options.limits
    return BatchFileLimits(bytes: most.bytes, inputs: most.inputs, lines: most.lines, inputsOfLine: 1)
  }

  /// `{"key", "request"}`, the request being the one that the synchronous API gets for the text. Google's own example of a
  /// line names no model: the batch does.
  package func line(_ id: String, _ texts: [String]) -> [UInt8] {
    let encoding = api.embedder.habits.withLock(\.encoding)
    guard let request = api.embedder.content(for: texts, as: .document, encoding).objectOfOneText else {
      preconditionFailure("a line has one text, by `limits`")
    }
    var json = JSONText(byteCount: request.count + 80)
    json.add(verbatim: "{")
    json.add(member: "key", .string(id))
    json.add(member: "request") { $0.add(verbatim: request) }
    json.add(verbatim: "}\n")
    return json.bytes
  }

  package func submit(_ intent: BatchIntent, file: String) async throws(EmbeddingFailure) -> ProviderBatch {
    let options = api.embedder.options
    let model = options.format.requestName(of: options.endpoint.requestModel(options.model))
    let json = try await api.begin(
      "/\(model):asyncBatchEmbedContent",
      .object([
        "batch": .object([
          "displayName": .string(Self.name(of: intent)),
          "inputConfig": .object(["fileName": .string("files/\(file)")]),
        ])
      ]), file: file)
    return try record(json, hasBegun: true).batch
  }

  /// What a batch is called, and found by: the file's name and the nonce.
  private static func name(of intent: BatchIntent) -> String { "\(intent.fileName) \(intent.nonce)" }

  /// The list's order isn't documented, so all of it is read. A list that can't be read to its end fails: a batch that it
  /// hides would be paid a second time.
  package func find(_ intent: BatchIntent, file: String) async throws(EmbeddingFailure) -> [ProviderBatch] {
    var found: [ProviderBatch] = []
    var tokens: Set<String> = []
    var query = ["pageSize": "100"]
    while true {
      guard let page = try await api.call(Self.path, query: query) else {
        throw api.unreadable("the reply is no list of batches")
      }
      // A list without batches may be left out.
      for entry in page["operations"]?.list ?? [] {
        let record = try record(entry)
        if record.isOf(intent, file: file), !found.contains(where: { $0.id == record.batch.id }) {
          found.append(record.batch)
        }
      }
      guard let token = page["nextPageToken"]?.text else { return found }
      guard tokens.insert(token).inserted else { throw api.unreadable("the list of batches has no end") }
      query["pageToken"] = token
    }
  }

  package func cancel(_ id: String) async throws(EmbeddingFailure) {
    try await api.cancel("\(Self.path)/\(id):cancel") { () async throws(EmbeddingFailure) in try await batch(id) }
  }

  /// A batch is shown as an operation: what it is stands in `metadata`, and once it is `done` there is a `response` or an
  /// `error`.
  func outline(of json: JSONValue) -> BatchRecord? {
    guard let id = json["name"]?.text.flatMap({ Self.id($0, of: "batches") }) else { return nil }
    let about = json["metadata"]
    let told = about?["state"]?.text ?? ""
    let word = told.lowercased().replacing(/^(?:batch|job)_state_/, with: "")
    let isDone = json["done"] == .boolean(true)
    var record = BatchRecord(
      id: id, state: Self.states[word] ?? (isDone ? Self.end(of: json) : .underWay), told: told)
    record.batch.createdAt = about?["createTime"]?.text.flatMap(Self.date)
    record.nonce = about?["displayName"]?.text?.split(separator: " ").last.map(String.init)
    let input = about?["inputConfig"]?["fileName"]?.text.flatMap { Self.id($0, of: "files") }
    record.inputFiles = [input].compactMap(\.self)
    return record
  }

  func fill(_ record: inout BatchRecord, from json: JSONValue) {
    let about = json["metadata"]
    let outputs = [about?["output"]?["responsesFile"], json["response"]?["responsesFile"]]
    record.batch.outputFile = outputs.lazy.compactMap { $0?.text.flatMap { Self.id($0, of: "files") } }.first
    if let counts = about?["batchStats"] {
      // Zeros may be left out.
      record.batch.total = Self.count(counts["requestCount"]) ?? 0
      record.batch.completed = Self.count(counts["successfulRequestCount"]) ?? 0
      record.batch.failedRequests = Self.count(counts["failedRequestCount"]) ?? 0
    }
    record.end(with: [json["error"], about?["error"]].compactMap(\.self).map(Self.fault))
  }

  /// How an operation that is done has ended, where its state is none that is known.
  private static func end(of json: JSONValue) -> ProviderBatch.State {
    guard let error = json["error"] else { return .completed }
    return status(of: error) == .cancelled ? .cancelled : .failed
  }

  /// An error with the code's name in place of its number.
  private static func fault(_ error: JSONValue) -> JSONValue {
    var members: [String: JSONValue] = ["message": error["message"] ?? .null]
    members["code"] = status(of: error).map { .string($0.name) }
    return .object(members)
  }

  private static func status(of error: JSONValue) -> RPCStatus? {
    count(error["code"]).flatMap { RPCStatus(rawValue: $0) }
  }

  /// What stands behind "batches/" or "files/", where it may stand in a URL's path.
  static func id(_ name: String, of kind: String) -> String? {
    JSONValue.string(name.hasPrefix("\(kind)/") ? String(name.dropFirst(kind.count + 1)) : name).id
  }

  /// A number, also where it is written as a text, as protocol buffers write those of 64 bits.
  private static func count(_ value: JSONValue?) -> Int? { value?.number ?? value?.text.flatMap { Int($0) } }

  /// The time of "2014-10-02T15:01:23.045123456Z".
  private static func date(_ text: String) -> Date? {
    try? Date(text.replacing(/\.\d+/, with: ""), strategy: .iso8601)
  }
}
