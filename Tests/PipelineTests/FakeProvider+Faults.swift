/// What may go wrong with it, and how a batch may end.
extension FakeProvider {
  struct Faults: Sendable {
    /// The first so many batches begin, and the answer is lost.
    var lostSubmits = 0
    /// The first so many requests for a batch begin none, and the answer is lost.
    var deafSubmits = 0
    /// How often a new batch is looked for in vain.
    var lateLooks = 0
    var endings: [Ending] = [.completed]
    /// A batch fails that brings more tokens under way.
    var mostTokens: Int?
    /// The same, and the request for it is refused at once.
    var mostTokensAtOnce: Int?
    /// The first so many files of answers are cut in the middle.
    var cuts = 0
    var sendsTwice = false
    var sendsForeign = false
    var losesAnswers = false
    /// What the first fetches of an output get in its place.
    var odd: [Odd] = []
    /// What every fetch of an output gets in its place.
    var alwaysOdd: Odd?
    /// The replies of so many lines of an output can't be read.
    var illegibleLines = 0
    /// Whether a batch that is under way shows an output.
    var showsEarly = false
    /// The first looks at a batch that has ended without an output show none.
    var lateFiles = 0
    /// Whether a batch doesn't say how much of it is done.
    var hidesCounts = false
    /// Whether no batch is known any more.
    var forgets = false
    /// Every so manyth text of a line gets no vector that can be used.
    var unusable: Int?
  }

  enum Ending: Sendable, CaseIterable {
    case completed, expired, cancelled, allFailed, failed, nothing
  }

  /// What may be there in place of an output.
  enum Odd: Sendable, CaseIterable {
    case page, empty, half, gone, strangers
    /// Each line is there, and no reply in it can be read.
    case illegible
  }
}
