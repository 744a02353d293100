/// Bundles of batches that hold pieces of the same rows: a row can be written once the last of them has been received.
struct Assembly: Sendable {
  private struct Bundle {
    let source: Int
    let page: Int
    let pieces: Int
    /// The rows that are to be written: without those that are condemned for one of their pieces.
    var keys: Set<RowKey>
    /// The batches that have their pieces.
    var received: [BatchID]
    /// Batches of this run that have neither been received nor have failed for good.
    var open: Int
    /// Those of `received` that are of an earlier run, or of an earlier page.
    let kept: Set<BatchID>
  }

  private var bundles: [Int: Bundle] = [:]
  private var count = 0
  /// For each batch of an earlier run, how many of its rows may still be written from it.
  private var earlier: [BatchID: (source: Int, rows: Int)]

  /// - Parameter spooled: what earlier runs have received for sources whose texts are cut.
  init(spooled: [Conductor.Spooled]) {
    earlier = Dictionary(
      spooled.map { ($0.id, (source: $0.source, rows: $0.rows)) }, uniquingKeysWith: { first, _ in first })
  }

  /// A batch that this run's provider has brought, to be written with others of its rows.
  mutating func add(_ batch: Conductor.Spooled) {
    earlier[batch.id] = (batch.source, batch.rows)
  }

  /// What to do with a bundle that waits for nothing more.
  struct Complete {
    /// nil where no row is left to be written.
    let entry: WriteQueue.Entry?
    /// The batches that have ended then, as there is nothing to write.
    let ended: [BatchID]
    let source: Int
    let page: Int
  }

  /// Begins a bundle and returns its number.
  mutating func begin(_ bundle: PackedPage.Bundle, source: Int, page: Int) -> Int {
    count += 1
    let kept = bundle.kept.sorted()
    bundles[count] = Bundle(
      source: source, page: page, pieces: bundle.pieces, keys: bundle.keys, received: kept,
      open: bundle.contents.count, kept: bundle.kept)
    return count
  }

  /// A batch of the bundle goes on as `parts`.
  mutating func split(_ number: Int, into parts: Int) {
    bundles[number]?.open += parts - 1
  }

  /// A batch of the bundle has been received.
  mutating func received(_ batch: Batch) {
    guard let number = batch.bundle else { return }
    bundles[number]?.open -= 1
    bundles[number]?.received.append(batch.id)
  }

  /// A batch of the bundle is given up; returns those of its rows that were not given up before.
  mutating func failed(_ batch: Batch) -> [BatchRow] {
    guard let number = batch.bundle, var bundle = bundles[number] else { return [] }
    var keys: Set<RowKey> = []
    let rows = batch.contents.rows.filter { bundle.keys.contains($0.key) && keys.insert($0.key).inserted }
    bundle.keys.subtract(keys)
    bundle.open -= 1
    bundles[number] = bundle
    return rows
  }

  /// The bundle, once nothing more is to come; it is forgotten then.
  mutating func complete(_ number: Int) -> Complete? {
    guard let bundle = bundles[number], bundle.open == 0 else { return nil }
    bundles[number] = nil
    // The batch that stands for the bundle is one of this run's where there is one: no other bundle has it.
    let own = bundle.received.filter { !bundle.kept.contains($0) }
    let all = own + bundle.received.filter(bundle.kept.contains)
    guard let first = all.first, !bundle.keys.isEmpty else {
      return Complete(entry: nil, ended: own, source: bundle.source, page: bundle.page)
    }
    let entry = WriteQueue.Entry(
      batch: first, source: bundle.source, page: bundle.page, rowCount: bundle.pieces,
      pieces: WriteQueue.Pieces(bundle: number, others: Array(all.dropFirst()), kept: bundle.kept, keys: bundle.keys))
    return Complete(entry: entry, ended: [], source: bundle.source, page: bundle.page)
  }

  /// `rows` rows of a batch of an earlier run have ended; returns whether none is left.
  mutating func ended(_ batch: BatchID, rows: Int) -> Bool {
    guard var left = earlier[batch] else { return false }
    left.rows -= rows
    earlier[batch] = left.rows > 0 ? left : nil
    return left.rows <= 0
  }

  /// The batches that earlier runs received for `source` and that no row needs any more, now that it is complete.
  mutating func leftover(of source: Int) -> [BatchID] {
    let ids = earlier.filter { $0.value.source == source }.keys.sorted()
    for id in ids { earlier[id] = nil }
    return ids
  }
}
