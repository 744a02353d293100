import Backfill

extension ErrorRule {
  /// The sources are in the facts sheet on embeddings APIs and in the providers' own code.
  static let table: [ErrorRule] = account + rateLimits + credentials + sizes + inputs + parameters + statuses

  private static let account = [
    ErrorRule(
      "the quota or credit is used up", .quotaExhausted, 200...200, 400...599,
      codes: [
        "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached",
        "billing_not_active", "authz_insufficient_balance", "insufficient_balance", "insufficient_credits",
        "insufficient_user_quota", "budget_exceeded", "BudgetExceededError", "payment_required", "Arrearage",
      ],
      phrases: [
        "budget has been exceeded", "exceededbudget", "exceededtokenbudget", "exceeded budget", "crossed budget",
        "over budget", "insufficient balance", "insufficient credit", "insufficient fund",
        "insufficient account balance",
        "credit balance is too low", "out of credits", "not enough credits", "credits expired", "credits are exhausted",
        "exceeded your monthly included credits", "spend limit", "spending limit", "overdue payment",
      ]),
    ErrorRule("a payment is due", .quotaExhausted, 402...402),
  ]

  private static let rateLimits = [
    // OpenAI answers 429 to one request that alone passes the limit: waiting will not help.
    ErrorRule(
      "one request passes the rate limit", .tooLarge, 413...413, 429...429,
      phrases: [
        "request too large for", "reduce your message size", "single request", "request … larger than the limit",
      ]),
    ErrorRule(
      "the rate limit is reached", .rateLimited, 200...200, 400...599,
      codes: [
        "rate_limit_exceeded", "slow_down", "rate_limit_error", "rate_limited", "rate_limit_reached", "rate_limit",
        "user_rate_limit_exceeded", "too_many_requests", "ThrottlingException", "Throttling.RateQuota",
        "resource_exhausted",
      ]),
    ErrorRule("the rate limit is reached", .rateLimited, 429...429),
    ErrorRule(
      "the rate limit is reached", .rateLimited, 200...200, 400...400, 403...403, 503...503,
      phrases: ["rate limit exceeded", "rate limit reached", "too many requests", "rate exceeded"]),
  ]

  private static let credentials = [
    // The proxy asks, not the provider.
    ErrorRule(
      "the proxy asks for its user and password: check the setting of proxy, and http_proxy", .denied, 407...407),
    ErrorRule(
      "the credential was refused", .denied, 200...200, 400...599,
      codes: [
        "invalid_api_key", "authentication_error", "api_key_invalid", "unauthenticated", "unauthorized", "auth_error",
        "invalid_authentication", "authentication_failed", "invalid_token", "missing_api_key", "no_api_key",
        "api_key_expired", "expired_key", "token_not_found_in_db", "account_deactivated", "permission_denied",
        "service_disabled", "billing_disabled", "api_key_service_blocked", "mismatched_organization",
        "unsupported_country_region_territory", "UnrecognizedClientException", "ExpiredTokenException",
        // LiteLLM without a database can't look a wrong key up.
        "no_db_connection",
      ]),
    ErrorRule("the credential was refused", .denied, 401...401),
    ErrorRule(
      "the credential was refused", .denied, 200...200, 400...400, 403...403, 422...422,
      phrases: [
        "api key not valid", "invalid api key", "invalid api-key", "invalid api_key", "invalid apikey",
        "invalid x-api-key",
        "incorrect api key", "wrong api key", "api key is invalid", "api key is not valid",
        "api key provided is invalid",
        "api key expired", "api key has expired", "api key is expired", "api key not found", "no api key",
        "missing api key", "missing api-key", "api key is missing", "api key missing", "api key required",
        "api key is required", "api_key is required", "provide an api key", "provide a valid api key",
        "didn't provide an api key", "invalid api token", "invalid access token", "invalid bearer token",
        "invalid auth token", "missing bearer", "missing authentication", "missing authorization", "invalid credential",
        "invalid authentication", "no auth credentials", "has not been used in project",
      ]),
    // Not of a 403: a firewall's page can say so of a text.
    ErrorRule(
      "the credential was refused", .denied, 200...200, 400...400, 422...422,
      phrases: [
        "authentication required", "authentication failed", "authentication error", "authentication fails",
        "not authenticated", "unauthorized", "authenticationerror", "no connected db",
      ]),
  ]

  private static let sizes = [
    // llama.cpp answers 500 to an over-long input and speaks of a batch, TEI 413 or 422.
    ErrorRule(
      "an input is too long", .badInput, 200...200, 400...400, 413...413, 422...422, 500...500,
      codes: ["context_length_exceeded", "exceed_context_size_error", "string_above_max_length", "string_too_long"],
      phrases: [
        "maximum context length", "maximum input length", "exceeds the context length", "must have less than",
        "too large to process", "larger than the max context size", "exceeds context", "maximum sequence length",
        "too many input tokens", "string should have at most", "context window", "maximum allowed token size",
      ]),
    ErrorRule(
      "too many inputs or tokens in one request", .tooLarge, 200...200, 400...400, 413...413, 422...422,
      codes: [
        "max_tokens_per_request", "array_above_max_length", "request_too_large", "payload_too_large", "too_many_inputs",
      ],
      phrases: [
        "tokens per request", "per submitted batch", "tokens in batch", "total tokens", "total number of",
        "total token", "input token count", "tokens per batch", "too many inputs", "too many input texts",
        "too many texts",
        "too many items", "too many documents", "too many elements", "too many strings", "too many sentences",
        "batch size", "batch_size", "batch length", "maximum batch", "max batch", "batch limit", "batch too large",
        "batch is too large", "in one batch", "in a batch", "per batch", "more batches", "smaller batch",
        "number of texts", "number of inputs", "number of items", "number of documents", "number of elements",
        "number of requests", "maximum number of", "maximum item count", "max number of", "inputs per request",
        "texts per request", "items per request", "documents per request", "fewer inputs", "fewer texts", "fewer items",
        "at most … inputs", "at most … texts", "at most … items", "at most … elements", "at most … requests",
        "at most … documents", "no more than … inputs", "no more than … texts", "no more than … items",
        "up to … inputs", "up to … texts", "up to … items", "array too long", "list is too long",
        "payload size exceeds", "payload too large", "request entity too large", "body too large", "body is too large",
        "request is too large", "request too large",
      ]),
  ]

  private static let inputs = [
    // Ollama answers so to some texts, and does it again each time.
    ErrorRule(
      "the model makes no finite vector of an input", .badInput, 200...200, 400...400, 500...500,
      phrases: ["unsupported value: nan", "contains nan", "nan or inf"])
  ]

  private static let parameters = [
    ErrorRule(
      "no such model, or no right to it: check the model's name", .misconfigured, 200...200, 400...402, 404...499,
      codes: ["model_not_found", "invalid_model", "DeploymentNotFound", "unsupported_model", "model_not_supported"]),
    ErrorRule(
      "plain http was sent to a port that speaks https: give the base URL with https", .misconfigured, 400...400,
      phrases: [
        "plain http request was sent to https", "http request to an https server", "speaking plain http to an ssl",
      ]),
    ErrorRule("no such endpoint or model", .misconfigured, 404...405),
    ErrorRule(
      "no such model, or none that embeds: check the model's name", .misconfigured, 200...200, 400...400, 422...422,
      parameters: ["model"],
      phrases: [
        "model not found", "model not exist", "model does not exist", "no such model", "unknown model", "invalid model",
        "unsupported model", "model is not supported", "not an embedding model", "not support embedding",
        "model … not found", "model … does not exist",
      ]),
    ErrorRule(
      "the dimensions were refused: check the job's dimensions, or let the request not name them (send_dimensions)",
      .misconfigured, 200...200, 400...400, 422...422,
      parameters: ["dimensions", "output_dimension"],
      phrases: [
        "matryoshka", "dimensions must be unset", "output_dimension", "outputdimensionality", "unsupported dimension",
        "invalid dimension", "dimensions parameter", "setting dimensions", "dimensions is not supported",
        "unsupportedparamserror … dimensions", "not support parameters … dimensions",
      ]),
    ErrorRule(
      "a parameter was refused: check the model, the dimensions and encoding_format", .misconfigured, 200...200,
      400...400, 422...422,
      codes: ["unknown_parameter", "unsupported_parameter", "UnsupportedParamsError"],
      parameters: ["encoding_format"],
      phrases: [
        "encoding_format", "encoding format", "encodingformat", "embedding_types", "embedding_type", "input_type",
      ]
    ),
    ErrorRule(
      "an input was refused", .badInput, 200...200, 400...400, 403...403, 422...422,
      codes: ["content_filter", "content_policy_violation", "empty", "tokenizer"],
      parameters: ["input", "text", "content", "document"], phrases: ["$.input", "'input"]),
  ]

  private static let statuses = [
    ErrorRule("no right to the model or the endpoint, or a gateway refuses the text", .forbidden, 403...403),
    ErrorRule("the request is too large", .tooLarge, 413...413),
    // It may be the request and it may be one of its texts: which of them, only smaller requests can tell.
    ErrorRule("refused, for a reason that is not known", .badInput, 400...400, 422...422),
    ErrorRule(
      "a gateway lost its server", .transient, 460...460, 499...499, 502...502, 504...504, 520...520, 524...524,
      mayHaveBeenBilled: true),
    ErrorRule("the provider failed", .transient, 408...409, 421...421, 423...425, 500...599),
    ErrorRule("it redirects elsewhere, which is not followed: check the base URL", .misconfigured, 300...399),
    ErrorRule("a status that no embeddings API documents", .unrecognized, 0...199, 400...999),
  ]
}
