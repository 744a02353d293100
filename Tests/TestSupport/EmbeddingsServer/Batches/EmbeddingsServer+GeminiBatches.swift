import Backfill
import Foundation

/// Gemini's batch API, with Google's files.
extension EmbeddingsServer {
  static func isOfGeminiBatches(_ path: String) -> Bool {
    path.hasSuffix(":asyncBatchEmbedContent")
      || ["/v1beta/files", "/v1beta/batches", "/upload/v1beta/files", "/download/v1beta/files"].contains {
        path == $0 || path.hasPrefix($0 + "/")
      }
  }

  /// Whether the connection goes on.
  func attendToGeminiBatches(_ message: HTTPMessage, _ connection: HTTPConnection) async throws -> Bool {
    let parts = message.path.split(separator: "/").map(String.init)
    // A verb stands behind the last name.
    let last = (parts.last ?? "").split(separator: ":").map(String.init)
    let folder = parts.dropLast()
    desk.update { desk in
      let named = folder.last == "files" || folder.last == "batches" ? folder : folder + last.prefix(1)
      desk.log.calls.append("\(message.method) /\(named.joined(separator: "/"))")
    }
    if let key = options.apiKey, Dialect.gemini.key(message.headers) != key || message.target.contains(key) {
      return try await send(
        Response(
          400, headers: [("Content-Type", "application/json")],
          body: #"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","#
            + #""details":[{"reason":"API_KEY_INVALID"}]}}"#), connection)
    }
    switch (message.method, folder.joined(separator: "/"), last) {
    case ("POST", "upload/v1beta", ["files"]): return try await takeUpload(message, connection)
    case ("GET", "download/v1beta/files", _) where last.count == 2 && last[1] == "download":
      guard message.query["alt"] == "media" else { break }
      return try await sendContent(of: last[0], connection, .gemini)
    case ("DELETE", "v1beta/files", _) where last.count == 1: return try await delete(last[0], connection, .gemini)
    case ("POST", "v1beta/models", _) where last == [options.model, "asyncBatchEmbedContent"]:
      return try await beginGemini(message, connection)
    case ("GET", "v1beta", ["batches"]): return try await listGemini(message, connection)
    case ("GET", "v1beta/batches", _) where last.count == 1: return try await show(last[0], connection, .gemini)
    case ("POST", "v1beta/batches", _) where last.count == 2 && last[1] == "cancel":
      return try await cancel(last[0], connection, .gemini)
    default: break
    }
    return try await send(.google(404, "NOT_FOUND", "models/x is not found for API version v1beta."), connection)
  }

  /// Both steps of an upload: its announcement, and the file.
  private func takeUpload(_ message: HTTPMessage, _ connection: HTTPConnection) async throws -> Bool {
    let headers = message.headers
    guard let number = message.query["upload_id"] else {
      let asked = (try? JSONDecoder().decode(JSONValue.self, from: message.body)) ?? .null
      guard headers["x-goog-upload-protocol"] == "resumable", headers["x-goog-upload-command"] == "start",
        headers["x-goog-upload-header-content-type"] == "application/jsonl",
        let size = headers["x-goog-upload-header-content-length"].flatMap({ Int($0) }),
        let name = asked.member("file").member("displayName").asText
      else { return try await send(.google(400, "INVALID_ARGUMENT", "no upload"), connection) }
      let (id, place) = desk.update { desk in
        let id = desk.nextID("upload-")
        desk.announced[id] = (name, size)
        return (id, desk.script.placeOfUploads ?? "\(root)/upload/v1beta/files")
      }
      return try await send(
        Response(200, headers: [("X-Goog-Upload-URL", "\(place)?upload_id=\(id)&upload_protocol=resumable")]),
        connection)
    }
    let announced = desk.value.announced[number]
    guard let announced, announced.size == message.body.count, headers["x-goog-upload-offset"] == "0",
      headers["x-goog-upload-command"] == "upload, finalize"
    else { return try await send(.google(400, "INVALID_ARGUMENT", "no such upload"), connection) }
    let (file, isLost) = desk.update { $0.keep(announced.name, message.body) }
    if isLost {
      try connection.reset()
      return false
    }
    let about: JSONValue = .object([
      "name": .string("files/\(file.id)"), "displayName": .string(file.name), "state": .string("ACTIVE"),
      "sizeBytes": .string("\(message.body.count)"),
    ])
    return try await send(.object(["file": about]), connection)
  }

  private func beginGemini(_ message: HTTPMessage, _ connection: HTTPConnection) async throws -> Bool {
    let asked = ((try? JSONDecoder().decode(JSONValue.self, from: message.body)) ?? .null).member("batch")
    guard let file = asked.member("inputConfig").member("fileName").asText, file.hasPrefix("files/"),
      asked.member("displayName").asText != nil
    else { return try await send(.google(400, "INVALID_ARGUMENT", "no such batch"), connection) }
    let isHeld = desk.update { desk in
      let isHeld = desk.takes(\.heldSubmits)
      if isHeld { desk.log.held += 1 }
      return isHeld
    }
    guard !isHeld else { return try await send(.google(429, "RESOURCE_EXHAUSTED", "Quota exceeded."), connection) }
    let id = String(file.dropFirst("files/".count))
    guard let content = contentToBegin(with: id) else {
      return try await send(
        .google(400, "FAILED_PRECONDITION", "The File \(id) is not in an ACTIVE state and usage is not allowed."),
        connection)
    }
    let lines = content.split(separator: 0x0A).map { answer(to: Data($0), model: options.model) }
    return try await begin(lines, of: id, asked.member("displayName"), .gemini, connection)
  }

  /// A page of the list, the oldest first: no order is promised.
  private func listGemini(_ message: HTTPMessage, _ connection: HTTPConnection) async throws -> Bool {
    let query = message.query
    let start = Int(query["pageToken"] ?? "") ?? 0
    let size = min(100, Int(query["pageSize"] ?? "") ?? 20)
    let shown = desk.update { Array($0.listed(.gemini, isFirst: start == 0).reversed()) }
    let end = start + size
    var page: [String: JSONValue] = [:]
    if !shown.isEmpty { page["operations"] = .array(shown.dropFirst(start).prefix(size).map(\.json)) }
    if desk.value.script.listHasNoEnd { page["nextPageToken"] = .string("0") }
    if end < shown.count { page["nextPageToken"] = .string("\(end)") }
    return try await send(.object(page), connection)
  }
}

extension EmbeddingsServer.Response {
  /// An error as Google words it.
  static func google(_ status: Int, _ word: String, _ message: String) -> EmbeddingsServer.Response {
    let error: JSONValue = .object([
      "code": .integer(status), "status": .string(word), "message": .string(message),
    ])
    return EmbeddingsServer.Response(
      status, headers: [("Content-Type", "application/json")], body: JSONValue.object(["error": error]).description)
  }

  /// What Google says of a file or a batch that isn't there.
  static func goneAtGoogle(_ what: String) -> EmbeddingsServer.Response {
    what.hasPrefix("File")
      ? google(
        403, "PERMISSION_DENIED", "You do not have permission to access the \(what) or it may not exist.")
      : google(404, "NOT_FOUND", "No such \(what)")
  }
}
