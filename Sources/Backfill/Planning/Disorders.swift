/// Counts replies that no text explains: of another model, or with the vectors of other texts.
struct Disorders: Sendable {
  private var count = 0
  private var answersSince = 0
  /// Whether replies had the vectors of other texts, so that each one has to prove whose it is.
  private(set) var areOfTexts = false
  /// When that was first seen.
  private var seenAt: Duration = .zero
  /// Rows whose reply was taken while another request waited that then got the vectors of other texts. If one queue stands
  /// before the model, these rows can have them too.
  private(set) var doubtfulRows = 0
  /// Requests that were given harmless texts to prove their replies.
  var proofs = 0
  /// Replies that came while a request waited that still does, each with its rows and when it came.
  private var recent: [(at: Duration, rows: Int)] = []

  /// The run ends at this many.
  private static let most = 4
  /// After this many good replies in a row the count begins at 0 again.
  private static let forgiving = 100

  /// Takes note of a good reply; the request that waits longest was sent at `oldest`.
  ///
  /// - Parameters:
  ///   - isProven: whether the reply proved to be its request's own.
  ///   - sentAt: when its request was sent.
  mutating func answered(rows: Int, isProven: Bool, sentAt: Duration, at now: Duration, oldest: Duration?) {
    // The reply was accepted before the first wrong one was noticed, and only now reaches this count.
    if areOfTexts, !isProven, sentAt <= seenAt { doubtfulRows += rows }
    recent = oldest.map { oldest in recent.filter { $0.at >= oldest } } ?? []
    if oldest != nil, !isProven { recent.append((now, rows)) }
    guard count > 0 else { return }
    answersSince += 1
    if answersSince == Self.forgiving { (count, answersSince, areOfTexts) = (0, 0, false) }
  }

  /// Counts the reply to `request`. Returns whether the run has to end.
  mutating func add(_ disorder: EmbeddingFailure.Disorder, to request: Conductor.Requested, at now: Duration) -> Bool {
    count += 1
    answersSince = 0
    if disorder == .otherTexts {
      if !areOfTexts { seenAt = now }
      areOfTexts = true
      // What proved to be its request's own needs no doubt.
      doubtfulRows += recent.reduce(0) { $0 + ($1.at >= request.sentAt ? $1.rows : 0) }
      recent = []
    }
    return count >= Self.most
  }
}
