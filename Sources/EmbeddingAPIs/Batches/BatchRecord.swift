import Backfill

/// A batch as a reply shows it, with what it is found by.
struct BatchRecord {
  var batch: ProviderBatch
  var inputFiles: [String] = []
  var nonce: String?

  /// Whether it was made for this intent, or of its file.
  func isOf(_ intent: BatchIntent, file: String) -> Bool { inputFiles.contains(file) || nonce == intent.nonce }

  /// What a batch carries so that it is found again: at most 16 texts of 512 characters each.
  static func metadata(of intent: BatchIntent) -> JSONValue {
    .object(["vecfill": .string(intent.nonce), "job": .string(String(intent.job.prefix(512)))])
  }

  init(id: String, state: ProviderBatch.State, told: String) {
    batch = ProviderBatch(id: id, state: state, told: told.isPlainWord ? told : "unknown")
  }

  /// A batch as OpenAI and Mistral show it; nil where there is no id in `json`.
  init?(_ json: JSONValue, _ states: [String: ProviderBatch.State]) {
    guard let id = json["id"]?.id else { return nil }
    let status = json["status"]?.text ?? ""
    self.init(id: id, state: states[status.lowercased()] ?? .underWay, told: status)
    batch.createdAt = json["created_at"]?.date
    nonce = json["metadata"]?["vecfill"]?.text
  }

  /// Takes a batch as completed that has done all its requests and shows what they brought, whatever its state is called.
  mutating func endIfDone() {
    guard batch.state == .underWay, batch.outputFile != nil || batch.errorFile != nil, let total = batch.total,
      total > 0,
      (batch.completed ?? 0) + (batch.failedRequests ?? 0) >= total
    else { return }
    batch.state = .completed
  }

  /// Sets how a batch has ended: one that failed and has done something has only ended early.
  mutating func end(with faults: [JSONValue]) {
    guard batch.state == .failed else { return }
    if batch.outputFile != nil || (batch.completed ?? 0) > 0 {
      batch.state = .expired
    } else {
      batch.error = ProviderBatch.Failed(faults)
    }
  }
}

extension ProviderBatch.Failed {
  /// What a provider says of a batch that it refused as a whole. Its message may quote the file, so only its known
  /// parts are shown.
  fileprivate init(_ faults: [JSONValue]) {
    if let message = faults.lazy.compactMap(Self.enqueued).first {
      self.init(code: message.code, reason: message.reason, isOverEnqueued: true)
      return
    }
    let code = faults.lazy.compactMap { $0["code"]?.text }.first { Self.codes.contains($0) || ErrorRule.isKnown($0) }
    var reason = "the provider refused the whole file"
    if let code { reason += ": \(code)" }
    if let line = faults.lazy.compactMap({ $0["line"]?.number }).first { reason += " at line \(line)" }
    self.init(code: code, reason: reason, isOverEnqueued: false)
  }

  /// What is said of more than may be enqueued; nil where the fault is another.
  private static func enqueued(_ fault: JSONValue) -> (code: String, reason: String)? {
    let message = (fault["message"]?.text ?? "").prefix(2_000).lowercased()
    let code = fault["code"]?.text
    if code == RPCStatus.resourceExhausted.name {
      return (RPCStatus.resourceExhausted.name, "more is enqueued than the account may have")
    }
    let isByCode = code == "token_limit_exceeded"
    guard isByCode || message.contains(/enqueued (?:token|request)s? limit/) else { return nil }
    var reason = "more is enqueued than the account may have"
    if let match = message.firstMatch(of: /limit: ([\d,]{1,20}) enqueued (tokens|requests)/) {
      reason += ": at most \(match.1) \(match.2)"
    }
    return (isByCode ? "token_limit_exceeded" : "request_limit_exceeded", reason)
  }

  /// What OpenAI calls the faults of a file, and Google those of a batch.
  private static let codes: Set<String> = [
    "invalid_json_line", "empty_file", "duplicate_custom_id", "missing_custom_id", "mismatched_model", "invalid_method",
    "invalid_url", "invalid_endpoint", "missing_required_parameter", "invalid_request", "invalid_file", "invalid_model",
    "too_many_tasks", "file_too_large", "batch_creation_failed", "internal_error", "server_error",
    "invalid_argument", "failed_precondition", "not_found", "deadline_exceeded", "internal", "unavailable",
  ]
}
