import Backfill
import Foundation

/// What the batch APIs have in common: calls in JSON, files that are uploaded and fetched, lines.
struct BatchAPI: Sendable {
  /// Makes each line's request and reads each line's reply, as it does where it asks by itself.
  let embedder: APIEmbedder
  let options: BatchOptions

  /// The most bytes of a line of an output file: 100 vectors of 3,072 numbers that are written out have 7 MB.
  static let mostBytesOfLine = 32 << 20
  /// The most bytes of a reply about batches: a page of a hundred of them has some 200 KB.
  static let mostBytesOfReply = 8 << 20

  /// Throws a `Failure` with `.configuration` for Azure's addresses, and for an embedder of another format than `format`.
  init(_ embedder: APIEmbedder, _ options: BatchOptions, _ format: WireFormat = .openAI) throws(Failure) {
    guard !embedder.options.endpoint.isAzure else {
      throw Failure(
        .configuration, "provider azure", "has no batch API for embeddings",
        remedy: "run the job without batch mode, or by another provider")
    }
    guard embedder.options.format == format else {
      throw Failure(
        .configuration, "the format \(embedder.options.format)", "does not go with a batch API of format \(format)",
        remedy: "run the job without batch mode, or mend the provider's batch: in your catalogue")
    }
    self.embedder = embedder
    self.options = options
  }

  /// A line's object: its id, then `members`, then the request's body.
  func line(_ id: String, _ members: [(name: String, value: String)], _ texts: [String]) -> [UInt8] {
    let encoding = embedder.habits.withLock(\.encoding)
    let content = embedder.content(for: texts, as: .document, encoding).json
    return RequestLine.object(id, members, body: content) + [0x0A]
  }

  /// Sends a call and returns what the reply says; nil where the provider says that it knows nothing of that name.
  ///
  /// - Parameters:
  ///   - method: another than GET; POST has `body`, or none.
  func call(
    _ path: String, query: [String: String] = [:], method: String? = nil, body: JSONValue? = nil
  ) async throws(EmbeddingFailure) -> JSONValue? {
    var request = try request(path, query: query)
    request.method = method
    if method == "POST" { request.body = body.map { Data($0.description.utf8) } ?? Data() }
    let response = try await send(request)
    if isGone(response) { return nil }
    return try json(of: response)
  }

  /// Asks for a batch. A failure says by `mayHaveBeenBilled` whether one may have begun.
  func begin(_ path: String, _ body: JSONValue, file: String) async throws(EmbeddingFailure) -> JSONValue {
    var request = try request(path)
    request.body = Data(body.description.utf8)
    let response: HTTPResponse
    do {
      response = try await embedder.client.send(request)
    } catch {
      throw EmbeddingFailure(error).at(address)
    }
    guard HTTPResponse.isSuccess(response.status) else {
      let error = ProviderError(response.body, redaction)
      if isNotReady(file, response.status, error) {
        throw EmbeddingFailure(
          .transient, "the uploaded file is not ready yet, or is gone", status: response.status, code: error.code
        ).at(address)
      }
      let failure = refusal(of: response)
      // A server that fails may have begun it first.
      throw failure.billed(failure.mayHaveBeenBilled || response.status >= 500 || [408, 409].contains(response.status))
    }
    do {
      return try json(of: response)
    } catch {
      throw error.billed(true)
    }
  }

  func upload(_ path: String, as name: String) async throws(EmbeddingFailure) -> String {
    try checkFile(path)
    var request = try request("/files")
    let boundary = "vecfill-\(UUID().uuidString)"
    request.form = FileForm(path: path, name: name, fields: [("purpose", "batch")], boundary: boundary)
    request.mayTakeLong = true
    let reply = try json(of: try await send(request), ofTexts: true)
    guard let id = reply["id"]?.id else { throw unreadable("the reply to an upload has no id of a file") }
    return id
  }

  /// Throws where the file of requests can't be read, before anything of it is sent.
  func checkFile(_ path: String) throws(EmbeddingFailure) {
    guard access(path, R_OK) == 0 else {
      throw EmbeddingFailure(.misconfigured, "the file of requests can't be read: \(String(cString: strerror(errno)))")
    }
  }

  /// Asks to cancel at `path`; what has ended already, and what isn't there, needs it no more.
  func cancel(
    _ path: String, _ batch: () async throws(EmbeddingFailure) -> ProviderBatch?
  ) async throws(EmbeddingFailure) {
    do {
      _ = try await call(path, method: "POST")
    } catch {
      guard error.status.map({ (400...499).contains($0) }) == true, ![.denied, .rateLimited].contains(error.kind),
        try await batch()?.state != .underWay
      else { throw error }
    }
  }

  func delete(file: String) async throws(EmbeddingFailure) {
    _ = try await call("/files/\(file)", method: "DELETE")
  }

  /// Fetches the lines of the file that `request` is for; see `BatchProvider.answers`.
  func answers(
    to request: HTTPRequest, in form: BatchLine.Form = .openAI, count: @escaping @Sendable (String) -> Int?,
    _ body: @escaping @Sendable (BatchAnswer) async throws -> Void
  ) async throws -> Bool {
    let inflow = Inflow()
    var request = request
    request.inflow = inflow
    request.mayTakeLong = true
    let toSend = request
    async let ending = ending(of: toSend, inflow)
    var lines = LineSplitter(mostBytes: Self.mostBytesOfLine)
    var reader = BatchAnswerReader(embedder, form, count: count)
    // How the file begins, as long as no line of it answers anything.
    var head = Data()
    while let pieces = await inflow.next() {
      for piece in pieces {
        if !reader.hasAnswer { head += piece.prefix(HTTPRequest.keptBytesOfRead - head.count) }
        for line in piece.withUnsafeBytes({ lines.take($0) }) {
          if Task.isCancelled { throw EmbeddingFailure(.cancelled, "cancelled") }
          try await body(reader.answer(line))
        }
      }
    }
    let response = try await ending.get()
    guard HTTPResponse.isSuccess(response.status) else {
      if isGone(response) { return false }
      throw refusal(of: response, ofTexts: true).billed(false)
    }
    if let line = lines.end() { try await body(reader.answer(line)) }
    guard reader.hasAnswer || head.allSatisfy(\.isJSONBlank) else { throw unreadable(head, in: response) }
    return true
  }

  /// Why no line of a file answers what was asked: something else came in its place, or it is written in another way.
  ///
  /// - Parameter head: how it begins.
  private func unreadable(_ head: Data, in response: HTTPResponse) -> EmbeddingFailure {
    let redaction = embedder.redaction(of: .unseen(0))
    let said = ProviderError(head, redaction)
    if said.isStructured,
      let failure = EmbeddingFailure(refusal: response, said, redaction, address: address, now: embedder.now())
    {
      return failure.billed(false).at(address)
    }
    return unreadable(
      said.isPage ? "a web page came in place of the file" : "the file has no line that answers what was asked")
  }

  private func ending(of request: HTTPRequest, _ inflow: Inflow) async -> Result<HTTPResponse, EmbeddingFailure> {
    defer { inflow.end() }
    do {
      return .success(try await send(request))
    } catch {
      return .failure(error)
    }
  }

  func send(_ request: HTTPRequest) async throws(EmbeddingFailure) -> HTTPResponse {
    do {
      return try await embedder.client.send(request)
    } catch {
      throw EmbeddingFailure(error).billed(false).at(address)
    }
  }

  /// A GET of `path`, behind the base URL.
  ///
  /// - Parameter door: what stands before the last part of the base URL's path, as Google has it for files:
  ///   "upload" makes "https://host/v1beta" to "https://host/upload/v1beta".
  func request(
    _ path: String, door: String? = nil, query: [String: String] = [:]
  ) throws(EmbeddingFailure) -> HTTPRequest {
    guard let base = try? embedder.options.endpoint.url(path: ""),
      let url = try? embedder.options.endpoint.url(path: path), var parts = URLComponents(string: url)
    else { throw EmbeddingFailure(.misconfigured, "the base URL can't be read") }
    if let door {
      var folders = (URLComponents(string: base)?.path ?? "").split(separator: "/").map(String.init)
      folders.insert(door, at: max(0, folders.count - 1))
      parts.path = "/\(folders.joined(separator: "/"))\(path)"
    }
    let items = query.sorted { $0.key < $1.key }.map { URLQueryItem(name: $0.key, value: $0.value) }
    if !items.isEmpty { parts.queryItems = (parts.queryItems ?? []) + items }
    return HTTPRequest(url: parts.string ?? url, headers: embedder.headers, maxReplyBytes: Self.mostBytesOfReply)
  }

  func json(of response: HTTPResponse, ofTexts: Bool = false) throws(EmbeddingFailure) -> JSONValue {
    guard HTTPResponse.isSuccess(response.status) else {
      throw refusal(of: response, ofTexts: ofTexts).billed(false)
    }
    guard !response.isCut, let json = JSONValue(response.body), case .object = json else {
      throw unreadable("the reply is not the JSON that a batch API gives")
    }
    return json
  }

  func unreadable(_ reason: String, mayHaveBeenBilled: Bool = false) -> EmbeddingFailure {
    EmbeddingFailure(.brokenReply, reason, mayHaveBeenBilled: mayHaveBeenBilled).at(address)
  }

  /// - Parameter ofTexts: whether the server has read texts, which it may quote.
  func refusal(of response: HTTPResponse, ofTexts: Bool = false) -> EmbeddingFailure {
    let redaction = ofTexts ? embedder.redaction(of: .unseen(0)) : redaction
    let failure = EmbeddingFailure(
      refusal: response, ProviderError(response.body, redaction), redaction, address: address, now: embedder.now())
    return (failure ?? EmbeddingFailure(.unrecognized, "an unknown answer", status: response.status)).at(address)
  }

  /// Whether the server, and not something before it, says that there is no such thing. Google's says of a file that is gone
  /// that one may have no right to it, "or it may not exist".
  private func isGone(_ response: HTTPResponse) -> Bool {
    guard [403, 404].contains(response.status) else { return false }
    let error = ProviderError(response.body, redaction)
    if response.status == 403 { return isGoogles(error) }
    return error.isStructured && !error.words.contains("unknown_url")
  }

  private func isGoogles(_ error: ProviderError) -> Bool {
    embedder.options.format == .gemini && error.isStructured && error.says("may not exist")
  }

  /// Whether a batch was refused for its file: right after an upload it may not be there yet.
  private func isNotReady(_ file: String, _ status: Int, _ error: ProviderError) -> Bool {
    if status == 403 { return isGoogles(error) }
    guard [400, 404, 409, 422].contains(status), error.isStructured else { return false }
    return error.parameter?.hasPrefix("input_file") == true || error.says(file.lowercased())
      || status == 404 && error.says("file")
  }

  private var redaction: Redaction {
    var redaction = embedder.redaction(of: .texts([]))
    redaction.others = embedder.recent.withLock(\.all)
    return redaction
  }

  /// Whether a batch's id may be told: it is shown, kept in the ledger, and stands in URLs.
  func mayBeShown(id: String) -> Bool { !embedder.redaction(of: .texts([])).holdsSecret(id) }

  /// What a provider calls a batch's state, as far as it may be told.
  func shown(state: String) -> String { embedder.redaction(of: .texts([])).shown(state) ?? "unknown" }

  private var address: String {
    let url = try? embedder.options.endpoint.url(path: "")
    return redaction.oneLine(url?.addressAlone ?? "") ?? ""
  }
}

extension EmbeddingFailure {
  /// The same with what is known of the bill.
  func billed(_ mayHaveBeenBilled: Bool) -> EmbeddingFailure {
    var failure = self
    failure.mayHaveBeenBilled = mayHaveBeenBilled
    return failure
  }

  /// The same with the URL that was called.
  func at(_ address: String) -> EmbeddingFailure {
    var failure = self
    failure.address = address
    return failure
  }
}

extension UInt8 {
  /// Whether it is white space between two JSON values.
  fileprivate var isJSONBlank: Bool { [0x09, 0x0A, 0x0D, 0x20].contains(self) }
}
