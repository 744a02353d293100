import Backfill

extension RefusedReplyTests {
  static let cases: [Case] =
    [
      "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
      "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached",
      "billing_not_active",
    ].map {
      Case($0, 429, openAI("You have none left.", type: "insufficient_quota", code: $0), .quotaExhausted, code: $0)
    }
    + [
      Case(
        "Jina's balance", 403, #"{"detail":"Insufficient balance","code":"AUTHZ_INSUFFICIENT_BALANCE"}"#,
        .quotaExhausted, code: "AUTHZ_INSUFFICIENT_BALANCE"),
      Case("402", 402, "", .quotaExhausted),
      Case(
        "one request over the minute's tokens", 429,
        openAI(
          "Request too large for text-embedding-3-small in organization org-1 on tokens per min (TPM): Limit 40000, Requested 60000.",
          type: "tokens", code: "rate_limit_exceeded"), .tooLarge, code: "rate_limit_exceeded"),
      Case(
        "OpenAI's rate limit", 429, openAI("Rate limit reached", type: "tokens", code: "rate_limit_exceeded"),
        .rateLimited, code: "rate_limit_exceeded"),
      Case(
        "slow down as a 503", 503, openAI("Slow down", type: "rate_limit_error", code: "slow_down"), .rateLimited,
        code: "slow_down"),
      Case(
        "LiteLLM's rate limit", 429,
        #"{"error":{"message":"litellm.RateLimitError: too many","type":"None","param":"None","code":"429"}}"#,
        .rateLimited),
      Case(
        "TEI's overload", 429, #"{"message":"Model is overloaded","code":429,"type":"Overloaded"}"#, .rateLimited,
        code: "Overloaded"),
      Case(
        "Gemini's quota, which passes", 429,
        #"[{"error":{"code":429,"message":"You exceeded your current quota, please retry in 45.2s.","status":"RESOURCE_EXHAUSTED"}}]"#,
        .rateLimited, code: "RESOURCE_EXHAUSTED"),
      Case("429 without a body", 429, "", .rateLimited),
      Case("a wrong key", 401, openAI("Incorrect API key", code: "invalid_api_key"), .denied, code: "invalid_api_key"),
      Case("a wrong key as a 400", 400, openAI("Bad key", code: "invalid_api_key"), .denied, code: "invalid_api_key"),
      Case(
        "Azure's wrong key", 401,
        #"{"error":{"code":"401","message":"Access denied due to invalid subscription key"}}"#, .denied),
      Case("a proxy's password", 407, "", .denied),
      Case(
        "a model without a right to it", 403,
        openAI("Project proj_1 does not have access to model", code: "model_not_found"), .forbidden,
        code: "model_not_found"),
      Case(
        "a model that embeds nothing", 403, openAI("You are not allowed to generate embeddings from this model"),
        .forbidden, code: "invalid_request_error"),
      Case(
        "no such model", 404, openAI("The model does not exist", code: "model_not_found"), .misconfigured,
        code: "model_not_found"),
      Case(
        "no such model as a 400", 400, openAI("No model", code: "model_not_found"), .misconfigured,
        code: "model_not_found"),
      Case(
        "Ollama's missing model", 404, openAI("model not found, try pulling it first", type: "api_error"),
        .misconfigured, code: "api_error"),
      Case(
        "Azure's missing deployment", 404, #"{"error":{"code":"DeploymentNotFound","message":"No"}}"#, .misconfigured,
        code: "DeploymentNotFound"),
      Case("no such method", 405, "", .misconfigured),
      Case(
        "too many tokens", 400,
        openAI(
          "Requested 416735 tokens, max 300000 tokens per request", type: "max_tokens_per_request",
          code: "max_tokens_per_request"),
        .tooLarge, code: "max_tokens_per_request"),
      Case(
        "Mistral's inputs", 400,
        #"{"object":"error","message":"Too many inputs in request, split into more batches.","type":"invalid_request_prompt","code":"3210"}"#,
        .tooLarge, code: "invalid_request_prompt"),
      Case(
        "TEI's batch", 422,
        #"{"message":"batch size 64 > maximum allowed batch size 32","code":422,"type":"Validation"}"#, .tooLarge,
        code: "Validation"),
      Case(
        "TEI's older batch", 413,
        #"{"message":"batch size 64 > maximum allowed batch size 32","code":413,"type":"Validation"}"#, .tooLarge,
        code: "Validation"),
      Case(
        "Gemini's batch", 400,
        #"[{"error":{"code":400,"message":"at most 100 requests can be in one batch","status":"INVALID_ARGUMENT"}}]"#,
        .tooLarge, code: "INVALID_ARGUMENT"),
      Case("a body too large", 413, "<html>413 Request Entity Too Large</html>", .tooLarge),
      Case(
        "OpenAI's context length", 400,
        openAI(
          "This model's maximum context length is 8192 tokens, however you requested 9000 tokens (9000 in your prompt; 0 for the completion)."
        ),
        .badInput, code: "invalid_request_error"),
      Case(
        "OpenAI's input length", 400, openAI("Invalid 'input[22]': maximum input length is 8192 tokens."), .badInput,
        code: "invalid_request_error", badIndex: 22),
      Case(
        "an index that can't be", 400, openAI("Invalid 'input[100]': maximum input length is 8192 tokens."), .badInput,
        code: "invalid_request_error"),
      Case(
        "vLLM's context length", 400,
        #"{"error":{"message":"This model's maximum context length is 512 tokens. However, you requested 600 tokens","type":"BadRequestError","param":null,"code":400}}"#,
        .badInput, code: "BadRequestError"),
      Case(
        "Ollama's context length", 400, openAI("the input length exceeds the context length"), .badInput,
        code: "invalid_request_error"),
      Case(
        "TEI's over-long input", 413,
        #"{"message":"`inputs` must have less than 512 tokens. Given: 600","code":413,"type":"Validation"}"#, .badInput,
        code: "Validation"),
      Case(
        "llama.cpp's over-long input", 500,
        #"{"error":{"code":500,"message":"input (572 tokens) is too large to process. increase the physical batch size (current batch size: 512)","type":"server_error"}}"#,
        .badInput, code: "server_error"),
      Case(
        "Ollama's NaN", 500, openAI("json: unsupported value: NaN", type: "api_error"), .badInput, code: "api_error"),
      Case("Ollama's newer NaN", 400, #"{"error":"embedding contains NaN or Inf values"}"#, .badInput),
      Case(
        "vLLM's dimensions", 400, openAI("Model does not support matryoshka representation", type: "BadRequestError"),
        .misconfigured, code: "BadRequestError"),
      Case(
        "an encoding that is unknown", 400, openAI("Unknown value", param: "encoding_format"), .misconfigured,
        code: "invalid_request_error"),
      Case(
        "an empty text", 400, openAI("'$.input' is invalid. Please check the API reference."), .badInput,
        code: "invalid_request_error"),
      Case(
        "an input by its parameter", 400, openAI("Invalid value", param: "input[7]"), .badInput,
        code: "invalid_request_error", badIndex: 7),
      Case(
        "FastAPI's path", 422,
        #"{"detail":[{"loc":["body","input",3,"str"],"msg":"too long","type":"string_too_long"}]}"#, .badInput,
        code: "string_too_long", badIndex: 3),
      Case(
        "TEI's empty text", 400, #"{"message":"`inputs` cannot be empty","code":400,"type":"Empty"}"#, .badInput,
        code: "Empty"),
      Case(
        "Azure's filter", 400, #"{"error":{"code":"content_filter","message":"filtered","status":400}}"#, .badInput,
        code: "content_filter"),
      Case("a 400 of an unknown kind", 400, "no", .badInput),
      Case("a 422 of an unknown kind", 422, "{}", .badInput),
      Case("HTML from a gateway", 502, "<html><body><h1>502 Bad Gateway</h1></body></html>", .transient),
      Case("a gateway's timeout", 504, "", .transient),
      Case(
        "OpenAI's overload", 503, openAI("Overloaded", type: "service_unavailable_error", code: "server_is_overloaded"),
        .transient, code: "server_is_overloaded"),
      Case("LiteLLM's plain text", 500, "Internal Server Error", .transient),
      Case("TEI's backend", 424, #"{"message":"backend","code":424,"type":"Backend"}"#, .transient, code: "Backend"),
      Case("a timeout of the request", 408, "", .transient),
      Case("a conflict", 409, "", .transient),
      Case("529", 529, "", .transient),
    ] + more

  private static let more: [Case] =
    [421, 423, 425, 460, 499, 520, 522, 530].map { Case("\($0)", $0, "", .transient) }
    + [406, 410, 411, 414, 415, 418, 428, 431, 444, 451, 494].map {
      Case("\($0)", $0, "<html><title>No</title></html>", .unrecognized)
    }
    + [301, 307].map { Case("a redirect of \($0)", $0, "", .misconfigured) }
    + [
      (
        "LiteLLM's budget as a 400", 400, "budget_exceeded",
        "Budget has been exceeded! Current cost: 26.0, Max budget: 25"
      ),
      ("LiteLLM's budget as a 429", 429, "budget_exceeded", "LiteLLM User: me, exceeded budget for model=m"),
      ("LiteLLM's older budget", 400, "auth_error", "Budget has been exceeded! Current cost: 0.1, Max budget: 0.0"),
      ("LiteLLM's user", 401, "auth_error", "ExceededBudget: User=me over budget. Spend=0.2, Budget=0.1"),
      (
        "LiteLLM's deployment", 429, "None", "No deployments available - crossed budget: Exceeded budget for deployment"
      ),
      ("OpenRouter's credit", 402, "None", "Insufficient credits. Add more to continue."),
      ("a gateway's balance as a 403", 403, "None", "Insufficient balance, please top up"),
      ("new-api's user", 403, "insufficient_user_quota", "no quota"),
      ("DashScope's arrears", 400, "Arrearage", "Access denied, please make sure your account is in good standing."),
      ("Hugging Face's credits", 403, "None", "You have exceeded your monthly included credits"),
    ].map { name, status, type, message in
      Case(name, status, openAI(message, type: type), .quotaExhausted, code: type == "None" ? nil : type)
    }
    + [
      (
        400,
        #"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}"#
      ),
      (
        400,
        #"[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#
      ),
      (
        400,
        #"{"error":{"code":400,"message":"API key expired. Please renew the API key.","status":"INVALID_ARGUMENT"}}"#
      ),
      (403, #"{"error":{"code":403,"message":"API has not been used in project 1","status":"PERMISSION_DENIED"}}"#),
      (400, #"{"message":"invalid api token"}"#), (400, #"{"detail":"Unauthorized"}"#),
      (422, #"{"detail":"Invalid authentication credentials"}"#), (403, #"{"error":"Invalid API key"}"#),
      (400, #"{"code":"InvalidApiKey","message":"Invalid API-key provided."}"#), (400, "Missing API key"),
      (403, #"{"status":403,"title":"Forbidden","detail":"Authentication failed: no API key"}"#),
      (400, #"{"error":"Authorization header is correct, but the token seems invalid: unauthorized"}"#),
      (400, #"{"error":{"message":"{\"error\":{\"message\":\"Incorrect API key provided\"}}","code":"400"}}"#),
    ].map { status, body in Case("a key: \(body.prefix(90))", status, body, .denied, code: code(in: body)) }
    + [
      "max allowed tokens per submitted batch is 120000. Your batch has 130000 tokens",
      "The max allowed length of the input list is 1000: batch size limit",
      "invalid request: total number of texts must be at most 96",
      "inputs must be at most 64 items", "You may send no more than 25 texts",
      "expected maximum item count: 96, found: 100",
      "input batch size 136 > maximum allowed batch size 64",
      "Value error, batch size is invalid, it should not be larger than 10",
      "Invalid 'input': array too long. Expected an array with maximum length 2048, but got 3000",
      "Too many inputs for model None. The max number of inputs is 1.",
      "The input token count is 25000 but the model supports up to 20000",
      "Request payload size exceeds the limit: 36700160 bytes.",
      "List should have at most 96 items after validation, not 100",
    ].map { Case("a size: \($0)", 400, openAI($0), .tooLarge, code: "invalid_request_error") }
    + [
      ("input.3", 3), ("texts[4]: empty", 4), ("`inputs[5]` is blank", 5), ("data[6] is wrong", 6),
      ("input at index 7 is bad", 7),
      ("$.input[8] is invalid", 8), ("* BatchEmbedContentsRequest.requests[9].content: contents is not specified", 9),
      ("inputs[50] is bad", nil), ("input.99 is bad", nil),
    ].map { message, index in
      Case("an index: \(message)", 400, openAI(message), .badInput, code: "invalid_request_error", badIndex: index)
    }
    + [
      Case(
        "an index of its own", 400, #"{"error":{"message":"bad text","details":[{"index":11}]}}"#, .badInput,
        badIndex: 11),
      Case(
        "one request over a limit", 429, openAI("A single request may not exceed 10000 tokens", type: "tokens"),
        .tooLarge,
        code: "tokens"),
      Case("a rate limit as a 403", 403, #"{"message":"API rate limit exceeded"}"#, .rateLimited),
      Case(
        "AWS's throttling", 400, ##"{"__type":"a.b#ThrottlingException","message":"Rate exceeded"}"##, .rateLimited,
        code: "ThrottlingException"),
      Case("a firewall's page", 403, "<html><title>Request unauthorized</title>Attention</html>", .forbidden),
      Case("a 500 that names the place", 500, "can't embed inputs[3]: EOF", .transient, badIndex: 3),
      Case("a rate limit with a number", 429, "requests.7 a minute", .rateLimited),
      Case("413 without a body", 413, "", .tooLarge),
      Case("a 403 in JSON", 403, #"{"message":"Forbidden"}"#, .forbidden),
      Case(
        "a filter's 403", 403, #"{"error":{"code":"content_filter","message":"no"}}"#, .badInput, code: "content_filter"
      ),
      Case(
        "nginx's plain http", 400, "<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>",
        .misconfigured),
      Case("Go's plain http", 400, "Client sent an HTTP request to an HTTPS server.", .misconfigured),
      Case("a model that is none", 400, #"{"message":"Model not exist."}"#, .misconfigured),
      Case(
        "a model that chats", 400,
        #"{"error":{"message":"model m does not support embeddings: not an embedding model"}}"#, .misconfigured),
      Case("dimensions", 400, #"{"detail":"Unsupported dimension 7"}"#, .misconfigured),
      Case("a gateway without a key", 500, "missing key", .transient),
      Case("an error in XML", 400, "<Error><Code>Bad</Code></Error>", .badInput),
    ]

  private static func code(in body: String) -> String? {
    ["API_KEY_INVALID", "INVALID_ARGUMENT", "PERMISSION_DENIED", "InvalidApiKey"].first { body.contains("\"\($0)\"") }
  }
}
