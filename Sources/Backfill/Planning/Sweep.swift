/// One pass over a source, up to the greatest key that there was when it began: so it ends however many rows arrive
/// behind it (P1). One by a column goes down from its greatest value to its lowest, and what arrives is before it.
struct Sweep: Equatable, Sendable {
  /// What is read next.
  enum Read: Equatable {
    case lastKey
    case page(after: RowKey?, through: RowKey, leavesOutBlank: Bool)
    case pageByColumn(after: RowKey?)
  }

  /// The key behind which it began; nil for the lowest.
  let start: RowKey?
  /// Whether blank rows are left out, which an earlier sweep has counted.
  let leavesOutBlank: Bool
  /// Whether it goes by `Source.newestBy`.
  let isByColumn: Bool
  private var position: RowKey?
  private(set) var end: RowKey?
  private(set) var isExhausted = false
  /// Rows that were embedded, or known to be refused.
  private(set) var taken = 0
  /// Rows with a blank or NULL text.
  private(set) var excluded = 0
  /// Rows in quarantine: those that it has passed over, and those that it put there.
  private(set) var condemned = 0
  /// Of those, the ones whose text can't be read.
  private(set) var unreadable = 0
  /// Rows that wait for a batch of the provider's.
  private(set) var waiting = 0
  /// Rows that were edited, deleted or filled before their vector was written.
  private(set) var changed = ChangedRows()

  init(start: RowKey?, leavesOutBlank: Bool, isByColumn: Bool = false) {
    self.start = start
    self.leavesOutBlank = leavesOutBlank
    self.isByColumn = isByColumn
    position = start
  }

  /// nil where everything has been read.
  var next: Read? {
    guard !isExhausted else { return nil }
    guard !isByColumn else { return .pageByColumn(after: position) }
    return end.map { .page(after: position, through: $0, leavesOutBlank: leavesOutBlank) } ?? .lastKey
  }

  mutating func lastKeyRead(_ key: RowKey?) {
    end = key
    isExhausted = key == nil
  }

  mutating func pageRead(_ page: PackedPage) {
    position = page.continuesAfter
    isExhausted = position == nil
    taken += page.taken + page.deferred.count
    changed.insert(page.deferred)
    excluded += page.excluded
    condemned += page.condemned
    unreadable += page.unreadable
    waiting += page.waiting
  }

  mutating func condemned(rows: Int) {
    condemned += rows
  }

  mutating func changed(_ keys: [RowKey]) {
    changed.insert(keys)
  }
}

/// The keys of rows that changed meanwhile; beyond a number that no table of people reaches, only that there were some.
struct ChangedRows: Equatable, Sendable {
  private var keys: Set<RowKey> = []
  private var isOverfull = false

  static let most = 100_000

  var isEmpty: Bool { keys.isEmpty && !isOverfull }

  var count: Int { keys.count }

  mutating func insert(_ more: [RowKey]) {
    keys.formUnion(more)
    guard keys.count > ChangedRows.most else { return }
    isOverfull = true
    keys.removeAll()
  }

  /// Those of them that changed in a later sweep again.
  func again(in later: ChangedRows) -> ChangedRows {
    if isOverfull { return later }
    if later.isOverfull { return self }
    var both = ChangedRows()
    both.keys = keys.intersection(later.keys)
    return both
  }
}
