import Backfill
import Ledger

/// The rows that are to be submitted, packed into lines: those that lack a vector, aren't in quarantine, and wait neither for
/// a batch nor in the spool.
struct RowSupply {
  /// A line's contents, and the source that they are of.
  struct Item {
    let source: Int
    let contents: Batch.Contents
  }

  private struct Column {
    /// Up to where all was given away.
    var place: SubmittedPlace
    /// What comes behind the page that is being given away.
    var next: SubmittedPlace
    let spooled: [RowKey: TextDigest]
    let pieces: [RowKey: PaidPieces]
    let texts: KnownTexts?
  }

  private let job: Job
  private let store: any MessageStore
  private let ledger: Ledger
  private let targets: [Int64]
  private let packer: Packer
  private var columns: [Column] = []
  private var pending: [Item] = []
  private var reading = 0

  /// - Parameter goesOn: whether it begins where the last file ended; else at the columns' beginnings.
  init(
    job: Job, store: any MessageStore, ledger: Ledger, targets: [Int64], packer: Packer, goesOn: Bool
  ) async throws {
    self.job = job
    self.store = store
    self.ledger = ledger
    self.targets = targets
    self.packer = packer
    for (source, target) in zip(job.sources, targets) {
      let place = goesOn ? try await ledger.submittedThrough(target) : SubmittedPlace()
      columns.append(
        Column(
          place: place, next: place, spooled: try await ledger.spooledRows(of: target),
          pieces: source.chunks == nil ? [:] : try await ledger.pieces(of: target),
          texts: job.duplicates == .table ? try KnownTexts(in: ledger, of: target) : nil))
    }
  }

  /// Up to where all was given away, by the ledger's id of the column.
  var places: [Int64: SubmittedPlace] {
    Dictionary(zip(targets, columns.map(\.place)), uniquingKeysWith: { first, _ in first })
  }

  /// nil where no more is left.
  mutating func next() async throws -> Item? {
    while pending.isEmpty {
      for index in columns.indices { columns[index].place = columns[index].next }
      guard let source = columns.indices.first(where: { !columns[$0].next.isAtEnd }) else { return nil }
      try await read(source)
    }
    let item = pending.removeFirst()
    if pending.isEmpty { columns[item.source].place = columns[item.source].next }
    return item
  }

  /// It was not taken after all.
  mutating func giveBack(_ item: Item, _ before: [Int64: SubmittedPlace]) {
    pending.insert(item, at: 0)
    for (index, target) in targets.enumerated() { columns[index].place = before[target] ?? columns[index].place }
  }

  private mutating func read(_ index: Int) async throws {
    try Task.checkCancellation()
    let source = job.sources[index]
    let column = columns[index]
    var request = PageRequest(after: column.next.after, limit: job.pageLimit, leavesOutBlank: true)
    request.rows = column.next.isInEdited ? .edited : .missing
    let page = try await store.page(of: source, request)
    columns[index].next.after = page.continuesAfter
    if page.continuesAfter == nil {
      columns[index].next.isAtEnd = column.next.isInEdited || source.edits != .digest
      columns[index].next.isInEdited = !columns[index].next.isAtEnd
    }
    guard !page.messages.isEmpty else { return }
    let target = targets[index]
    let condemned = try await ledger.condemned(page.messages.map(\.key), target: target)
    let left = try await leftOut(page, condemned, column, target)
    let packed = packer.pack(
      page, condemned: condemned, held: left, cutting: source.chunks?.cutting, paid: column.pieces)
    pending += packed.contents.map(\.ofWholeTexts).filter { !$0.inputs.isEmpty }.map {
      Item(source: index, contents: $0)
    }
  }

  /// The rows of a page that are not submitted.
  private func leftOut(
    _ page: MessagePage, _ condemned: [RowKey: TextDigest], _ column: Column, _ target: Int64
  ) async throws -> Set<RowKey> {
    let digests = page.messages.digests.filter { condemned[$0.key] != $0.value }
    var left = try await ledger.underWay(digests, of: target)
    left.formUnion(try await ledger.refused(digests, of: target))
    for (key, digest) in digests where column.spooled[key] == digest { left.insert(key) }
    guard let texts = column.texts else { return left }
    // Rows with a text that is known or under way get its vector once all batches have ended, without being paid.
    let asked = digests.filter { !left.contains($0.key) }
    var known = Set(try await texts.known(Set(asked.values)).map(\.digest))
    known.formUnion(try await ledger.textsUnderWay(Set(asked.values), of: target))
    let fresh = try await texts.claim(Set(asked.values).subtracting(known))
    for (key, digest) in asked where !fresh.contains(digest) { left.insert(key) }
    return left
  }
}

extension Batch.Contents {
  /// Without the inputs that are joined from several texts, which go by requests: what an answer is made of would have to
  /// be kept until it comes.
  var ofWholeTexts: Batch.Contents {
    guard inputs.contains(where: { $0.texts.count > 1 }) else { return self }
    var places: [Int: Int] = [:]
    var whole: [Input] = []
    for (index, input) in inputs.enumerated() where input.texts.count == 1 {
      places[index] = whole.count
      whole.append(input)
    }
    return Batch.Contents(
      inputs: whole,
      rows: rows.compactMap { row in
        places[row.input].map { BatchRow(key: row.key, digest: row.digest, input: $0, piece: row.piece) }
      })
  }
}
