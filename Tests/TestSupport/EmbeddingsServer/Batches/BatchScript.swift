extension EmbeddingsServer {
  /// Whose batch API is spoken.
  package enum BatchDialect: String, CaseIterable, Sendable {
    case openAI, mistral, gemini
  }

  /// How the batch API behaves: by default every batch is under way at the first look and completed at the second.
  package struct BatchScript: Sendable {
    package enum Ending: Sendable {
      case completed
      /// Completed with every request failed and no output file.
      case allFailed
      /// Refused as a whole, unbilled, with this code.
      case failed(code: String)
      /// Ended early: the first lines were done, and billed.
      case expired(done: Int)
    }

    /// What is not as it should be in a file of answers.
    package enum Flaw: Sendable, CaseIterable {
      case reversed
      /// The first line comes again at the end.
      case duplicate
      /// The first line has a null for its id.
      case nullID
      case missingID
      /// One more line, with an id that nobody asked for.
      case unknownID
      /// One more line that is no JSON.
      case garbage
      /// The last line has no line break.
      case noBreakAtEnd
      /// The file begins with a byte order mark.
      case mark
    }

    /// What a batch is called at each look, by OpenAI's names, before it ends.
    package var progress = ["in_progress"]
    /// How the batches end, one after the other; the last is that of all later ones.
    package var endings = [Ending.completed]
    /// The lines that are done of a batch that is cancelled; the default is half of them.
    package var doneAtCancel: Int?
    /// Of the first uploads the reply is lost.
    package var lostUploads = 0
    /// The first batches begin, and the reply is lost.
    package var lostSubmits = 0
    /// The first batches begin, and the reply is a 500.
    package var failingSubmits = 0
    /// The first submits are refused because the file is not ready.
    package var notReady = 0
    /// How many lists don't have a new batch yet.
    package var listsBeforeShown = 0
    /// Whether the list has no batch any more.
    package var listForgets = false
    /// Whether a list in Gemini's dialect names the same next page for ever.
    package var listHasNoEnd = false
    /// Whether no batch is known any more by its id either.
    package var forgets = false
    /// A batch fails that brings the inputs of all batches under way above it.
    package var mostEnqueuedInputs: Int?
    package var flaws: Set<Flaw> = []
    /// Whether a line of Gemini's tells its tokens.
    package var tellsTokens = true
    /// The first requests for a batch in Gemini's dialect are refused as more than may be enqueued, by a 429.
    package var heldSubmits = 0
    /// Where an upload in Gemini's dialect is to be sent to; nil for the server's own address.
    package var placeOfUploads: String?
    /// After how many bytes the first fetches are cut off.
    package var cuts: [Int] = []
    /// What the first fetches get in place of the file.
    package var contents: [Response] = []
    /// Whether files of answers are gone.
    package var losesAnswers = false

    package init() {}
  }

  /// What the batch API has done.
  package struct BatchLog: Sendable {
    /// E.g. "POST /v1/files", without ids and queries.
    package var calls: [String] = []
    package var uploads = 0
    /// Batches that began, and those that were refused after it.
    package var begun = 0
    package var lostReplies = 0
    package var notReady = 0
    package var held = 0
    /// Lists from which a batch was left out.
    package var listsWithout = 0
    package var overEnqueued = 0
    package var cuts = 0
    /// Requests for a file that is gone, or a batch that is.
    package var gone = 0
    package var flawed = 0
    package var deleted: [String] = []
    package var cancelled = 0
  }
}
