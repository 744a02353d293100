/// Turns texts into vectors.
///
/// Every adapter passes the contract suite in `Tests/EmbeddingAPIsTests`. A reply that is returned has been checked:
/// one vector a text in the texts' order, the job's dimension, finite values, the model that was asked for.
package protocol Embedder: Sendable {
  /// Embeds `texts`, of which there is at least one and none is empty, in one request, for what `role` says: several models
  /// embed a question otherwise than what answers it.
  ///
  /// Cancelling the task ends the request at once and throws an `EmbeddingFailure` of kind `.cancelled`. Nothing is
  /// retried here: what to do with a failure is the caller's decision.
  func embed(_ texts: [String], as role: EmbeddingRole) async throws(EmbeddingFailure) -> EmbeddingReply

  /// From now on accepts replies of this model only.
  func expect(_ model: ServedModel)
}

extension Embedder {
  /// For embedders whose model has no name of its own.
  package func expect(_ model: ServedModel) {}
}

/// A reply that was checked.
package struct EmbeddingReply: Equatable, Sendable {
  package var vectors: Vectors
  /// The billed tokens by the reply's `usage`; nil where it has none.
  package var billedTokens: Int?
  /// The provider's id of the request, e.g. the `x-request-id` header.
  package let requestID: String?
  package let rateLimits: RateLimitHints
  /// The texts, by their index, whose vector can't be used, and why, e.g. "its vector has a value that is not finite".
  /// In `vectors` their place holds zeros. At least one text has a vector: a reply without any is a failure.
  package var unusable: [Int: String] = [:]
  /// Whether no vector told which text it is of: then the texts' order and number are all the proof that each has its own.
  package var isPlacedByOrder = false
  /// The name that the model gave itself, where it is another than the one asked for: a file's name, an alias; nil where
  /// it is the one asked for in any spelling, and where none was told that may be shown.
  package var modelAlias: String?
  /// The server's own name for the model, in which every later reply must agree (P4); nil where it has none.
  package var servedModel: ServedModel?

  package init(
    vectors: Vectors, billedTokens: Int?, requestID: String? = nil, rateLimits: RateLimitHints = RateLimitHints()
  ) {
    self.vectors = vectors
    self.billedTokens = billedTokens
    self.requestID = requestID
    self.rateLimits = rateLimits
  }
}

/// A request that brought no vectors. It holds no body, no text and no key (P10).
package struct EmbeddingFailure: Error, Equatable, Sendable {
  /// What kind of failure it is, which alone decides what is done about it.
  package enum Kind: String, Sendable, Codable, CaseIterable {
    /// A fault that is likely to pass: 408, 409, 5xx, a reset connection.
    case transient
    /// No whole reply came in time.
    case timedOut
    /// The provider can't be reached at all: no name, no route, connection refused, TLS refused.
    case unreachable
    /// Too many requests or tokens for now.
    case rateLimited
    /// The account's quota or credit is used up: waiting will not help.
    case quotaExhausted
    /// The credential was refused.
    case denied
    /// A 403: the credential has no right to the model or the endpoint, or a gateway dislikes a text.
    case forbidden
    /// The request as a whole has too many tokens or inputs; fewer will pass.
    case tooLarge
    /// At least one of the inputs was refused as such.
    case badInput
    /// The reply broke its contract: not JSON, a wrong count, index, dimension or model, a value that is not finite.
    case brokenReply
    /// The endpoint or the model does not exist, or the request can't be understood whatever its texts.
    case misconfigured
    /// A status or a body that no embeddings API documents, e.g. a proxy's 406 or 451.
    case unrecognized
    /// The task was cancelled.
    case cancelled
  }

  package enum Disorder: Sendable {
    /// Two models answer at one address.
    case otherModel
    /// Replies go astray: this one has the vectors of other texts.
    case otherTexts
  }

  package let kind: Kind
  /// What was seen, in words that hold nothing from the request or the reply's body but its error code.
  package let reason: String
  package let status: Int?
  /// The error's `code` (or `type`), where the reply had one.
  package let code: String?
  package let requestID: String?
  /// How long the provider asks to wait.
  package let retryAfter: Duration?
  /// The index of the refused input, where the provider names it.
  package let badIndex: Int?
  /// Whether the provider may have done, and billed, the work: the request was sent and no reply came.
  package var mayHaveBeenBilled: Bool
  package let rateLimits: RateLimitHints
  /// Whether nothing says that the server behind the connection works: no reply that came over it before could be used.
  /// Behind a balancer it may be the one that is broken, and then the failure says nothing of the texts. The default is
  /// false.
  package var isOfUntriedServer = false
  /// Whether the reply has another number of vectors than there are texts, or two for one of them. The default is false.
  package var isOfCount = false
  /// What the reply shows of the server, whatever the texts are; nil where it shows nothing of the kind.
  package var disorder: Disorder?
  /// The URL that was called, without credentials and query; nil where none was.
  package var address: String?
  /// What the server said, on one line of at most 300 characters and without the key. It can quote the request's texts,
  /// so only that of a harmless text may be shown or kept (P10).
  package var serverMessage: String?

  package init(
    _ kind: Kind, _ reason: String, status: Int? = nil, code: String? = nil, requestID: String? = nil,
    retryAfter: Duration? = nil, badIndex: Int? = nil, mayHaveBeenBilled: Bool = false,
    rateLimits: RateLimitHints = RateLimitHints()
  ) {
    self.kind = kind
    self.reason = reason
    self.status = status
    self.code = code
    self.requestID = requestID
    self.retryAfter = retryAfter
    self.badIndex = badIndex
    self.mayHaveBeenBilled = mayHaveBeenBilled
    self.rateLimits = rateLimits
  }

  /// How long the provider asks to wait at least, by its headers together.
  package var asksToWait: Duration? { retryAfter ?? (kind == .rateLimited ? rateLimits.leastReset : nil) }
}

/// What a provider's headers say of its limits; nil where a header is missing or can't be read.
package struct RateLimitHints: Equatable, Sendable {
  /// Requests a minute.
  package var requestLimit: Int?
  package var requestsRemaining: Int?
  package var requestsReset: Duration?
  /// Tokens a minute.
  package var tokenLimit: Int?
  package var tokensRemaining: Int?
  package var tokensReset: Duration?

  package init() {}

  /// The earliest time at which a used-up limit can have room for a request again, by its reset header; nil where the
  /// limits have room or the headers are missing.
  ///
  /// A reset is the end of a window for some providers and for others, as OpenAI, the time until the whole limit is
  /// there: one request is there earlier then.
  package var leastReset: Duration? {
    let requests = requestsRemaining == 0 ? requestsReset.map { $0 / max(1, requestLimit ?? 1) } : nil
    let tokens = tokensRemaining == 0 ? tokensReset.map { $0 / max(1, tokenLimit ?? 1) } : nil
    return [requests, tokens].compactMap(\.self).max()
  }
}
