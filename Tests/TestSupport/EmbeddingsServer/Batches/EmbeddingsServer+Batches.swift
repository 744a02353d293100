import Backfill
import Foundation

extension EmbeddingsServer {
  /// What the batch API has done so far.
  package var batchLog: BatchLog { desk.value.log }

  /// How the batch API behaves from now on.
  package func script(_ change: (inout BatchScript) -> Void) { desk.update { change(&$0.script) } }

  /// An uploaded file as it is kept; nil where it isn't there.
  package func uploadedFile(_ id: String) -> (name: String, content: Data)? {
    desk.value.files[id].flatMap { file in file.content.map { (file.name, $0) } }
  }

  /// Returns once the batch API has done what `isReady` says.
  package func waitForBatches(until isReady: @escaping @Sendable (BatchLog) -> Bool) async throws {
    try await desk.wait { isReady($0.log) }
  }

  /// Other people's batches of the same account, the last made so many seconds ago and each other one second before.
  package func addForeignBatches(_ count: Int, secondsAgo: Int = 0, _ dialect: BatchDialect = .openAI) {
    desk.update { desk in
      for number in (0..<count).reversed() {
        var batch = BatchDesk.Batch(
          id: desk.nextID("batch_"), dialect: dialect, inputFile: "file-other", metadata: .null,
          createdAt: BatchDesk.now - secondsAgo - number)
        (batch.status, batch.isForeign) = ("completed", true)
        desk.batches.append(batch)
      }
    }
  }

  /// Whether a request is one to the batch API, or about its files.
  static func isOfBatches(_ path: String) -> Bool {
    isOfGeminiBatches(path)
      || ["/v1/files", "/v1/batches", "/v1/batch/jobs"].contains { path == $0 || path.hasPrefix($0 + "/") }
  }

  /// Whether the connection goes on.
  func attendToBatches(_ message: HTTPMessage, _ connection: HTTPConnection) async throws -> Bool {
    if Self.isOfGeminiBatches(message.path) { return try await attendToGeminiBatches(message, connection) }
    let parts = message.path.split(separator: "/").map(String.init)
    let isMistral = parts.starts(with: ["v1", "batch", "jobs"])
    let rest = Array(parts.dropFirst(isMistral ? 3 : 2))
    desk.update { desk in
      desk.log.calls.append("\(message.method) /\(parts.dropLast(rest.count).joined(separator: "/"))")
    }
    if let key = options.apiKey, Dialect.openAI.key(message.headers) != key {
      return try await send(
        .error(401, type: "invalid_request_error", code: "invalid_api_key", message: "Incorrect API key provided."),
        connection)
    }
    let isOfFiles = parts.dropFirst().first == "files"
    switch (isOfFiles, message.method, rest.count) {
    case (true, "POST", 0): return try await upload(message, connection)
    case (true, "GET", 2): return try await sendContent(of: rest[0], connection)
    case (true, "DELETE", 1): return try await delete(rest[0], connection, .openAI)
    case (false, "POST", 0): return try await begin(message, isMistral: isMistral, connection)
    case (false, "GET", 0): return try await list(message, isMistral: isMistral, connection)
    case (false, "GET", 1): return try await show(rest[0], connection, .openAI)
    case (false, "POST", 2): return try await cancel(rest[0], connection, .openAI)
    default: return try await send(.error(404, type: "invalid_request_error", code: "unknown_url"), connection)
    }
  }

  func send(_ json: JSONValue, _ connection: HTTPConnection) async throws -> Bool {
    try await send(
      Response(200, headers: [("Content-Type", "application/json")], body: json.description), connection)
  }

  func send(_ response: Response, _ connection: HTTPConnection) async throws -> Bool {
    try await connection.write(head(of: response, 0) + response.body)
    return true
  }

  func sendGone(_ what: String, _ connection: HTTPConnection, _ dialect: BatchDialect) async throws -> Bool {
    desk.update { $0.log.gone += 1 }
    if dialect == .gemini { return try await send(.goneAtGoogle(what), connection) }
    return try await send(
      .error(404, type: "invalid_request_error", message: "No such \(what)", parameter: "id"), connection)
  }

  private func upload(_ message: HTTPMessage, _ connection: HTTPConnection) async throws -> Bool {
    guard let form = UploadedForm(message), form.purpose == "batch" else {
      return try await send(.error(400, type: "invalid_request_error", message: "no file"), connection)
    }
    let (file, isLost) = desk.update { $0.keep(form.name, form.content) }
    if isLost {
      try connection.reset()
      return false
    }
    return try await send(file.json, connection)
  }

  func delete(_ id: String, _ connection: HTTPConnection, _ dialect: BatchDialect) async throws -> Bool {
    let isThere = desk.update { desk in
      desk.log.deleted.append(id)
      return desk.files.removeValue(forKey: id) != nil
    }
    guard isThere else { return try await sendGone("File object: \(id)", connection, dialect) }
    if dialect == .gemini { return try await send(.object([:]), connection) }
    return try await send(
      .object(["id": .string(id), "object": .string("file"), "deleted": .boolean(true)]), connection)
  }

  func show(_ id: String, _ connection: HTTPConnection, _ dialect: BatchDialect) async throws -> Bool {
    let json: JSONValue? = desk.update { desk in
      guard !desk.script.forgets, let index = desk.batches.firstIndex(where: { $0.id == id }) else { return nil }
      desk.look(at: index)
      return desk.batches[index].json
    }
    guard let json else { return try await sendGone("batch with id '\(id)'", connection, dialect) }
    return try await send(json, connection)
  }

  private func list(_ message: HTTPMessage, isMistral: Bool, _ connection: HTTPConnection) async throws -> Bool {
    let query = message.query
    let json: JSONValue = desk.update { desk in
      let isFirst = query["after"] == nil && query["page", default: "0"] == "0"
      var shown = desk.listed(isMistral ? .mistral : .openAI, isFirst: isFirst)
      if let after = query["created_after"], let date = try? Date(after, strategy: .iso8601) {
        shown.removeAll { TimeInterval($0.createdAt) < date.timeIntervalSince1970 }
      }
      let total = shown.count
      let size = min(100, Int(query[isMistral ? "page_size" : "limit"] ?? "") ?? 20)
      if let after = query["after"] { shown = Array(shown.drop { $0.id != after }.dropFirst()) }
      if let page = query["page"].flatMap({ Int($0) }) { shown = Array(shown.dropFirst(page * size)) }
      let hasMore = shown.count > size
      return .object([
        "object": .string("list"), "data": .array(shown.prefix(size).map(\.json)), "has_more": .boolean(hasMore),
        "total": .integer(total),
      ])
    }
    return try await send(json, connection)
  }

  func cancel(_ id: String, _ connection: HTTPConnection, _ dialect: BatchDialect) async throws -> Bool {
    let (json, undone): (JSONValue?, [String]) = desk.update { desk in
      guard let index = desk.batches.firstIndex(where: { $0.id == id }) else { return (nil, []) }
      guard !desk.batches[index].hasEnded else { return (.null, []) }
      desk.log.cancelled += 1
      desk.batches[index].status = "cancelling"
      let done = desk.script.doneAtCancel ?? desk.batches[index].lines.count / 2
      let undone = desk.batches[index].lines.dropFirst(done).flatMap(\.texts)
      for line in desk.batches[index].lines.indices.dropFirst(done) {
        desk.batches[index].lines[line].outcome = .undone("batch_cancelled")
      }
      return (desk.batches[index].json, undone)
    }
    guard let json else { return try await sendGone("batch with id '\(id)'", connection, dialect) }
    guard json != .null else {
      if dialect == .gemini {
        return try await send(.google(400, "FAILED_PRECONDITION", "The batch has ended."), connection)
      }
      return try await send(
        .error(409, type: "invalid_request_error", message: "Cannot cancel a batch that has ended."), connection)
    }
    forgive(undone)
    return try await send(dialect == .gemini ? .object([:]) : json, connection)
  }
}
