import Backfill
import Foundation

/// Google's files: they go up by a protocol of their own, and come down by a door of their own.
///
/// From google-genai (`files.py`, `_api_client.py`) and the commands in ai.google.dev/gemini-api/docs/batch-api and
/// ai.google.dev/api/files. Of the protocol's ways the one in a single piece is used.
extension GeminiBatches {
  private static let contentType = "application/jsonl"

  package func upload(_ path: String, as name: String) async throws(EmbeddingFailure) -> String {
    try api.checkFile(path)
    var request = HTTPRequest(
      url: try await placeOfUpload(of: path, as: name),
      headers: api.embedder.headers + [("X-Goog-Upload-Offset", "0"), ("X-Goog-Upload-Command", "upload, finalize")],
      maxReplyBytes: BatchAPI.mostBytesOfReply)
    request.form = FileForm(path: path, contentType: Self.contentType)
    request.mayTakeLong = true
    let reply = try api.json(of: try await api.send(request), ofTexts: true)
    guard let id = (reply["file"] ?? reply)["name"]?.text.flatMap({ Self.id($0, of: "files") }) else {
      throw api.unreadable("the reply to an upload has no name of a file")
    }
    return id
  }

  /// Announces a file, and returns the URL that it is to be sent to.
  private func placeOfUpload(of path: String, as name: String) async throws(EmbeddingFailure) -> String {
    let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    var request = try api.request("/files", door: "upload")
    request.headers += [
      ("X-Goog-Upload-Protocol", "resumable"), ("X-Goog-Upload-Command", "start"),
      ("X-Goog-Upload-Header-Content-Length", "\(size)"), ("X-Goog-Upload-Header-Content-Type", Self.contentType),
    ]
    request.body = Data(JSONValue.object(["file": .object(["displayName": .string(name)])]).description.utf8)
    let response = try await api.send(request)
    guard HTTPResponse.isSuccess(response.status) else { throw api.refusal(of: response).billed(false) }
    guard let place = response.headers["x-goog-upload-url"], let parts = URLComponents(string: place) else {
      throw api.unreadable("the reply to an upload's announcement names no place for it")
    }
    // The key and the texts go nowhere else than to the API's own address.
    let own = URLComponents(string: request.url)
    guard parts.scheme?.lowercased() == own?.scheme?.lowercased(), parts.host?.lowercased() == own?.host?.lowercased(),
      parts.port == own?.port, parts.user == nil, parts.password == nil
    else {
      throw EmbeddingFailure(
        .misconfigured, "the server wants the file of requests at another address than its own: check the base URL")
    }
    return place
  }

  package func answers(
    in file: String, count: @escaping @Sendable (String) -> Int?,
    _ body: @escaping @Sendable (BatchAnswer) async throws -> Void
  ) async throws -> Bool {
    let request = try api.request("/files/\(file):download", door: "download", query: ["alt": "media"])
    return try await api.answers(to: request, in: .gemini, count: count, body)
  }
}
