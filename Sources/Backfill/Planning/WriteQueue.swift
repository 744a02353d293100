/// The batches whose vectors are durable in the ledger and not yet in their rows.
///
/// A row that another transaction holds, or that took no vector, comes again by itself later; all others of its batch
/// are written at once.
package struct WriteQueue: Sendable {
  struct Entry: Equatable, Sendable {
    struct ID: Hashable {
      let batch: BatchID
      let page: Int?
      let bundle: Int?
    }

    let batch: BatchID
    let source: Int
    /// nil for a batch of an earlier run, which belongs to no page of this one.
    let page: Int?
    let rowCount: Int
    /// The rows that are still to be written; nil for all.
    fileprivate(set) var rows: Set<RowKey>?
    /// Rows that were written to once and held no vector after it.
    fileprivate var unfilled: Set<RowKey> = []
    fileprivate var tries = 0
    fileprivate var due: Duration = .zero

    /// Where its rows were cut into pieces: what else it takes to write them.
    let pieces: Pieces?

    var id: ID { ID(batch: batch, page: page, bundle: pieces?.bundle) }

    /// All batches of which it is made.
    var batches: [BatchID] { [batch] + (pieces?.others ?? []) }

    /// Whether nothing of it was asked for in this run: its rows have lost their vectors since they were written, or all
    /// their pieces were received earlier.
    fileprivate let isKept: Bool
    /// Whether its vectors are those of other rows.
    fileprivate let isCopy: Bool
    /// Whether this run has fetched it from a batch of the provider's.
    fileprivate let isFromBatch: Bool

    init(
      batch: BatchID, source: Int, page: Int?, rowCount: Int, kept rows: Set<RowKey>? = nil, isCopy: Bool = false,
      isFromBatch: Bool = false, pieces: Pieces? = nil
    ) {
      self.batch = batch
      self.source = source
      self.page = page
      self.rowCount = rowCount
      self.rows = pieces?.keys ?? rows
      self.isCopy = isCopy
      self.isFromBatch = isFromBatch
      self.pieces = pieces
      isKept = pieces.map { $0.kept.contains(batch) } ?? (rows != nil)
    }
  }

  /// A bundle of batches that hold the pieces of rows.
  struct Pieces: Equatable, Sendable {
    let bundle: Int
    /// The batches beside the entry's own.
    let others: [BatchID]
    /// Those of all batches that are of an earlier run, or of an earlier page: they may hold pieces of other rows too.
    let kept: Set<BatchID>
    let keys: Set<RowKey>
  }

  /// What a write has settled.
  struct Result {
    /// Batches of which no row is left to be written.
    var ended: [Entry] = []
    var written = 0
    /// Of those, rows of batches of an earlier run.
    var recovered = 0
    /// Of those, rows that got the vector of another row.
    var copied = 0
    var condemned: [CondemnedRow] = []
  }

  private var waiting: [Entry] = []
  /// What each writer writes just now; none has anything where it is empty.
  private var writers: [[Entry]]
  private var held: [Entry] = []
  private var holders = ""
  private var wasHeldLast = false

  /// - Parameters:
  ///   - writers: how many writes may be under way side by side.
  ///   - concurrency: how many requests may be in flight.
  init(spooled: [Conductor.Spooled], dimensions: Int, writers: Int, concurrency: Int) {
    let writers = max(1, writers)
    leastToJoin = min(WriteQueue.mostBatchesPerWrite, concurrency)
    self.writers = Array(repeating: [], count: writers)
    waiting = spooled.map { Entry(batch: $0.id, source: $0.source, page: nil, rowCount: $0.rows) }
    mostRowsPerWrite = max(1, WriteQueue.mostVectorBytes / (4 * dimensions * writers))
  }

  /// A write is one short transaction (P9).
  static let mostBatchesPerWrite = 8
  /// The vectors of the writes under way are in memory (P8). One batch alone may have more.
  package static let mostVectorBytes = 32 << 20
  private let mostRowsPerWrite: Int
  /// A writer begins beside another only where so many batches wait: then one alone is too slow. Where few do, it would
  /// only open one more session, which reads some of the catalogue for itself (P9).
  private let leastToJoin: Int
  /// So many batches with rows that others hold are as many as a run leaves behind it.
  static let mostHeld = 1_000
  private static let retryCeiling: Duration = .seconds(5)

  /// Batches that wait for their first write.
  var count: Int { waiting.count }
  /// Whether one of them is of this run: neither of an earlier one nor kept from it.
  var hasNew: Bool { waiting.contains { $0.page != nil && !$0.isKept } }
  /// Whether one of them was fetched from a batch of the provider's.
  var hasFromBatch: Bool { waiting.contains(where: \.isFromBatch) }
  var isHolding: Bool { !held.isEmpty }
  var isWriting: Bool { writers.contains { !$0.isEmpty } }
  var isFull: Bool { held.count >= WriteQueue.mostHeld }
  /// Whether a batch of an earlier run waits for its first write: until it has ended, no page is read (P2).
  var isWritingSpool: Bool { (waiting + writing).contains { $0.page == nil && $0.rows == nil } }
  /// When the next row that others held is tried again; nil while every writer is at work, of whom the first to end
  /// decides.
  var nextRetry: Duration? { freeWriter == nil ? nil : held.map(\.due).min() }

  private var writing: [Entry] { writers.flatMap(\.self) }
  private var freeWriter: Int? { writers.firstIndex(where: \.isEmpty) }

  /// The batches that a writer writes just now.
  func batches(of writer: Int) -> [Entry] { writers[writer] }

  /// How many rows of which source wait for others, and who holds them.
  var heldRows: (count: Int, source: Int, example: RowKey?, holders: String) {
    (held.reduce(0) { $0 + ($1.rows?.count ?? 0) }, held.first?.source ?? 0, held.first?.rows?.first, holders)
  }

  /// The rows of a source that are paid for and wait: no page may take them again.
  func heldKeys(of source: Int) -> Set<RowKey> {
    (held + writing).filter { $0.source == source }.reduce(into: []) { $0.formUnion($1.rows ?? []) }
  }

  mutating func add(_ entry: Entry) {
    waiting.append(entry)
  }

  /// The next write, for a writer that has none; nil where none is to be done now.
  ///
  /// - Parameters:
  ///   - onlySpooled: leaves out what this run has received.
  ///   - retries: whether rows that others held are tried again.
  mutating func next(onlySpooled: Bool, retries: Bool, at now: Duration) -> Conductor.Write? {
    guard let writer = freeWriter else { return nil }
    let due = retries ? held.filter { $0.due <= now } : []
    var fresh = onlySpooled ? waiting.filter { $0.page == nil && !$0.isFromBatch || $0.isKept } : waiting
    if isWriting, fresh.count < leastToJoin { fresh = [] }
    wasHeldLast = !due.isEmpty && (fresh.isEmpty || !wasHeldLast)
    guard let first = wasHeldLast ? due.first : fresh.first else { return nil }
    var entries: [Entry] = []
    var rowCount = 0
    // Rows of one kept batch may come from two pages: those are two writes.
    for entry in wasHeldLast ? due : fresh
    where entry.source == first.source && !entries.contains(where: { $0.batch == entry.batch }) {
      rowCount += entry.rowCount
      guard entries.isEmpty || rowCount <= mostRowsPerWrite else { break }
      entries.append(entry)
      if entries.count == WriteQueue.mostBatchesPerWrite { break }
    }
    writers[writer] = entries
    let taken = Set(entries.map(\.id))
    waiting.removeAll { taken.contains($0.id) }
    held.removeAll { taken.contains($0.id) }
    return Conductor.Write(
      writer: writer, source: first.source,
      parts: entries.map { .init(batch: $0.batch, others: $0.pieces?.others ?? [], rows: $0.rows) })
  }

  /// The write of `writer` has ended; those of the others go on.
  mutating func written(_ report: WriteReport, by writer: Int, at now: Duration) -> Result {
    var result = Result()
    let reports = Dictionary(report.batches.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    holders = report.lockHolders
    for var entry in writers[writer] {
      guard let batch = reports[entry.batch] else { continue }
      result.written += batch.written
      if entry.page == nil && !entry.isFromBatch || entry.isKept { result.recovered += batch.written }
      if entry.isCopy { result.copied += batch.written }
      result.condemned += batch.refused.map {
        CondemnedRow(source: entry.source, row: $0.row, Condemnation(.database, $0.reason))
      }
      let stubborn = batch.unfilled.filter { entry.unfilled.contains($0.key) }
      result.condemned += stubborn.map {
        CondemnedRow(source: entry.source, row: $0, Condemnation(.takesNoVector, WriteQueue.noVector(report.hooks)))
      }
      entry.unfilled.formUnion(batch.unfilled.map(\.key))
      let left = batch.locked.union(batch.unfilled.map(\.key)).subtracting(stubborn.map(\.key))
      if left.isEmpty {
        result.ended.append(entry)
      } else {
        entry.rows = left
        entry.due = now + min(.milliseconds(250) * (1 << min(entry.tries, 5)), WriteQueue.retryCeiling)
        entry.tries += 1
        held.append(entry)
      }
    }
    writers[writer] = []
    return result
  }

  /// The write of `writer` failed; what it was to write stays in the ledger's spool.
  mutating func failed(by writer: Int) {
    writers[writer] = []
  }

  private static func noVector(_ hooks: String) -> String {
    "the database accepted its write twice and the row still lacks a vector of its text"
      + (hooks.isEmpty ? "" : "; look at \(hooks)")
  }
}
