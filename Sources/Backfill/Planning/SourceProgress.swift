/// Where a run stands with one source: its sweeps, its watermark, and how much of it is under way.
struct SourceProgress: Sendable {
  /// What follows a sweep.
  enum Verdict: Equatable {
    case another
    case complete
    /// Rows that were there when the first sweep began changed before each write.
    case restless(rows: Int)
  }

  private let resumesAfter: RowKey?
  private let order: RowOrder
  private var sweep: Sweep
  private var watermark = Watermark()
  /// Batches that were planned and haven't ended.
  private var open = 0
  private var fullSweeps = 0
  /// Rows that were there before the last sweep began, and may still lack a vector.
  private var unsettled = ChangedRows()
  private var texts = AwaitedTexts()
  private var counted: (excluded: Int, condemned: Int, unreadable: Int, waiting: Int)?
  /// What the sweeps of the rows without a vector have counted, once the edited ones are read.
  private var ofMissing = (excluded: 0, condemned: 0, unreadable: 0, waiting: 0)
  private let mostEdited: Int?
  private let hasEdited: Bool
  /// Which rows it reads now: those without a vector before those with a vector of an earlier text.
  private(set) var rows = PageRequest.Rows.missing
  private(set) var isComplete = false
  /// Whether its last sweep was the proof that nothing is left of the rows that it reads now.
  private var isProven = false

  /// From the newest on there is no watermark: what arrived since it was set is what is wanted first.
  ///
  /// - Parameters:
  ///   - watermark: the key behind which the first sweep begins; nil for the lowest.
  ///   - isByColumn: whether its first sweep goes by `Source.newestBy`; what that leaves is found by the ones by the key.
  ///   - hasEdited: whether rows are known whose vector is of an earlier text.
  ///   - mostEdited: after so many of those it has done enough, since another round follows; nil where none does.
  init(
    watermark: RowKey?, order: RowOrder = .oldest, isByColumn: Bool = false, hasEdited: Bool = false,
    mostEdited: Int? = nil
  ) {
    self.order = order
    resumesAfter = order == .oldest ? watermark : nil
    sweep = Sweep(start: resumesAfter, leavesOutBlank: false, isByColumn: isByColumn)
    self.hasEdited = hasEdited
    self.mostEdited = mostEdited
  }

  /// The most sweeps from the lowest key to the end; each after the second is for rows that keep changing.
  static let mostFullSweeps = 6

  var next: Sweep.Read? { isComplete || hasEnough ? nil : sweep.next }

  /// Whether its sweep has read everything and all of that has ended.
  var isDrained: Bool { !isComplete && (sweep.isExhausted || hasEnough) && open == 0 }

  /// Whether batches of it have not ended.
  var hasOpen: Bool { open > 0 }

  /// Whether each row was found that it is to find.
  var isSearched: Bool { isComplete && isProven }

  /// Whether each row was found whose vector is of an earlier text, and has its vector. One in quarantine is to be found
  /// again.
  var hasSearchedEdits: Bool { isSearched && rows == .edited && counted?.condemned == 0 && waiting == 0 }

  private var hasEnough: Bool { rows == .edited && mostEdited.map { sweep.taken >= $0 } ?? false }

  /// Rows with a blank or NULL text, as far as it is known.
  var excluded: Int { ofMissing.excluded + (counted?.excluded ?? sweep.excluded) }
  var condemned: Int {
    ofMissing.condemned
      + (isComplete ? counted?.condemned ?? 0 : max(counted?.condemned ?? 0, sweep.condemned))
  }
  var unreadable: Int {
    ofMissing.unreadable
      + (isComplete ? counted?.unreadable ?? 0 : max(counted?.unreadable ?? 0, sweep.unreadable))
  }

  /// Rows that wait for a batch of the provider's, by the last sweep.
  var waiting: Int { ofMissing.waiting + (counted?.waiting ?? sweep.waiting) }

  mutating func lastKeyRead(_ key: RowKey?) {
    sweep.lastKeyRead(key)
  }

  /// A page was read as number `page`, of which `batches` have to end.
  /// - Parameter awaited: the texts that other pages' rows need not ask for.
  mutating func pageRead(_ packed: PackedPage, page: Int, batches: Int, awaited: Set<TextDigest> = []) {
    sweep.pageRead(packed)
    open += batches
    texts.opened(page: page, awaited, batches: batches)
    guard
      rows == .missing, order == .oldest, sweep.start == resumesAfter, fullSweeps == 0,
      let key = packed.continuesAfter ?? sweep.end
    else { return }
    watermark.opened(page: page, lastKey: key, batches: batches)
  }

  /// A batch became `parts` batches.
  mutating func split(page: Int, into parts: Int) {
    open += parts - 1
    texts.split(page: page, into: parts)
    for _ in 1..<parts { watermark.split(page: page) }
  }

  mutating func ended(page: Int) {
    open -= 1
    watermark.settled(page: page)
    texts.ended(page: page)
  }

  /// All that has ended is durable.
  mutating func settled() { texts.settled() }

  /// The texts that rows of the next page wait for instead of asking.
  var awaitedTexts: Set<TextDigest> { mayDefer ? texts.all : [] }

  /// Whether rows may be left to a later sweep: not behind the first one from the lowest key, so that a text that gets no
  /// vector for one row keeps no other from being tried.
  var mayDefer: Bool { fullSweeps == 0 }

  /// Rows of it are put into quarantine: those of an earlier run's spool perhaps when its last sweep is over.
  mutating func condemned(rows: Int) {
    sweep.condemned(rows: rows)
    if isComplete { counted?.condemned += rows }
  }

  mutating func changed(_ keys: [RowKey]) { sweep.changed(keys) }

  /// The key up to which everything is settled, told once each time that it has moved.
  mutating func movedWatermark() -> RowKey? { watermark.advance() }

  /// Decides what follows a sweep that is drained. The rows with a vector of an earlier text are swept like the others, once
  /// those have theirs.
  ///
  /// A sweep from the lowest key that takes nothing proves that all is done. One that took rows is followed by one
  /// more, for what arrived meanwhile; further ones only where rows of the first changed before each write (P1).
  mutating func endSweep() -> Verdict {
    let ended = sweep
    guard ended.start == nil, !ended.isByColumn else {
      sweep = Sweep(start: nil, leavesOutBlank: false)
      return .another
    }
    fullSweeps += 1
    counted = (counted?.excluded ?? ended.excluded, ended.condemned, ended.unreadable, ended.waiting)
    unsettled = fullSweeps == 1 ? ended.changed : unsettled.again(in: ended.changed)
    // Rows that are edited before each write are left to the next round, where one follows.
    let leavesRestless = mostEdited != nil && fullSweeps == SourceProgress.mostFullSweeps
    isProven = !hasEnough && (ended.taken == 0 || fullSweeps > 1 && unsettled.isEmpty)
    let isDone = isProven || hasEnough || leavesRestless
    guard !isDone else {
      guard hasEdited, rows == .missing, let counted else {
        isComplete = true
        return .complete
      }
      (ofMissing, self.counted) = (counted, nil)
      (fullSweeps, unsettled) = (0, ChangedRows())
      rows = .edited
      sweep = Sweep(start: nil, leavesOutBlank: false)
      return .another
    }
    guard fullSweeps < SourceProgress.mostFullSweeps else { return .restless(rows: unsettled.count) }
    sweep = Sweep(start: nil, leavesOutBlank: true)
    return .another
  }
}
