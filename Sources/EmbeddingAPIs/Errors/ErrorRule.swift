import Backfill

/// A row of the table that tells what kind of failure a refusal is; the first row that fits decides.
struct ErrorRule: Sendable {
  /// What happened, in a few words.
  let meaning: String
  let kind: EmbeddingFailure.Kind
  /// The statuses that the row is for.
  let statuses: [ClosedRange<Int>]
  /// The error's `code` or `type` is one of these, whatever the case …
  let codes: Set<String>
  /// … or the parameter at fault starts with one of these …
  let parameters: [String]
  /// … or the message holds one of these; a row without any of the three fits by its status alone.
  let phrases: [String]
  /// Whether the work may have been done: a gateway lost its server, or gave up waiting for it.
  let mayHaveBeenBilled: Bool

  init(
    _ meaning: String, _ kind: EmbeddingFailure.Kind, _ statuses: ClosedRange<Int>..., codes: Set<String> = [],
    parameters: [String] = [], phrases: [String] = [], mayHaveBeenBilled: Bool = false
  ) {
    self.meaning = meaning
    self.kind = kind
    self.statuses = statuses
    self.codes = codes
    self.parameters = parameters
    self.phrases = phrases
    self.mayHaveBeenBilled = mayHaveBeenBilled
  }

  func fits(status: Int, _ error: ProviderError) -> Bool {
    guard statuses.contains(where: { $0.contains(status) }) else { return false }
    if isByStatusAlone { return true }
    return [error.code, error.type].contains { $0.map { codes.contains($0.lowercased()) } ?? false }
      || parameters.contains { error.parameter?.hasPrefix($0) ?? false }
      || phrases.contains { error.message.contains($0) }
  }

  var isByStatusAlone: Bool { codes.isEmpty && parameters.isEmpty && phrases.isEmpty }
}

extension ErrorRule {
  /// The row for a refusal; the last row fits everything.
  static func first(for status: Int, _ error: ProviderError) -> ErrorRule {
    table.first { $0.fits(status: status, error) } ?? unknown
  }

  /// The sources are in the facts sheet on embeddings APIs and in the providers' own code.
  static let table: [ErrorRule] = [
    ErrorRule(
      "the quota or credit is used up", .quotaExhausted, 400...599,
      codes: [
        "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached",
        "billing_not_active", "authz_insufficient_balance",
      ]),
    ErrorRule("a payment is due", .quotaExhausted, 402...402),
    // OpenAI answers 429 to one request that alone passes the limit: waiting will not help.
    ErrorRule("one request passes the rate limit", .tooLarge, 429...429, phrases: ["request too large for"]),
    ErrorRule("the rate limit is reached", .rateLimited, 400...599, codes: ["rate_limit_exceeded", "slow_down"]),
    ErrorRule("the rate limit is reached", .rateLimited, 429...429),
    ErrorRule("the credential was refused", .denied, 400...599, codes: ["invalid_api_key", "authentication_error"]),
    ErrorRule("the credential was refused", .denied, 401...401, 407...407),
    ErrorRule("no right to the model or the endpoint", .denied, 403...403),
    ErrorRule(
      "no such endpoint or model", .misconfigured, 400...499,
      codes: ["model_not_found", "invalid_model", "deploymentnotfound"]),
    ErrorRule("no such endpoint or model", .misconfigured, 404...405),
    ErrorRule(
      "too many inputs or tokens in one request", .tooLarge, 400...400, 413...413, 422...422,
      codes: ["max_tokens_per_request"],
      phrases: [
        "tokens per request", "too many tokens in batch", "too many inputs", "maximum allowed batch size",
        "requests can be in one batch", "batch size is invalid",
      ]),
    // llama.cpp answers 500 to an over-long input, TEI 413 or 422.
    ErrorRule(
      "an input is too long", .badInput, 400...400, 413...413, 422...422, 500...500,
      codes: ["context_length_exceeded", "exceed_context_size_error"],
      phrases: [
        "maximum context length", "maximum input length", "exceeds the context length", "must have less than",
        "too large to process", "larger than the max context size",
      ]),
    // Ollama answers so to some texts, and does it again each time.
    ErrorRule(
      "the model makes no finite vector of an input", .badInput, 400...400, 500...500,
      phrases: ["unsupported value: nan", "contains nan"]),
    ErrorRule(
      "a parameter was refused", .misconfigured, 400...400, 422...422,
      codes: ["unknown_parameter", "unsupported_parameter"],
      parameters: ["model", "dimensions", "encoding_format"],
      phrases: ["matryoshka", "dimensions must be unset"]),
    ErrorRule(
      "an input was refused", .badInput, 400...400, 422...422, codes: ["content_filter", "empty", "tokenizer"],
      parameters: ["input"], phrases: ["$.input", "'input"]),
    ErrorRule("the request is too large", .tooLarge, 413...413),
    // It may be the request and it may be one of its texts: which of them, only smaller requests can tell.
    ErrorRule("refused, for a reason that is not known", .badInput, 400...400, 422...422),
    ErrorRule("a gateway lost its server", .transient, 502...502, 504...504, 524...524, mayHaveBeenBilled: true),
    ErrorRule("the provider failed", .transient, 408...409, 424...425, 500...599),
    unknown,
  ]

  private static let unknown = ErrorRule("an answer that no embeddings API gives", .misconfigured, 0...999)
}
