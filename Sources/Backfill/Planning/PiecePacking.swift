/// Packs the pieces of a page's texts: those of one text into one request where they fit, and into requests of their own
/// where they don't. What an earlier run has paid for is not asked for again (P2).
struct PiecePacking {
  private let packer: Packer
  private let cutter: TextCutter
  private let paid: [RowKey: PaidPieces]
  /// The rows whose pieces all fit into the request that is being filled.
  private var open = Request()
  private var openKeys: Set<RowKey> = []
  /// Rows that need no request, by the batches that have their pieces.
  private var complete: [(batches: Set<BatchID>, keys: Set<RowKey>, pieces: Int)] = []

  init(_ packer: Packer, _ cutting: Cutting, paid: [RowKey: PaidPieces]) {
    self.packer = packer
    self.paid = paid
    let (preparation, count) = (packer.preparation, packer.countTokens)
    cutter = TextCutter(cutting, countSent: { count(preparation.input(for: $0) ?? $0) }, count: count)
  }

  private struct Request {
    var inputs: [Input] = []
    var rows: [BatchRow] = []
    var places: [TextDigest: Int] = [:]
    var tokenCount = 0

    var contents: Batch.Contents { Batch.Contents(inputs: inputs, rows: rows) }

    func hasRoom(for pieces: [(Piece, Input)], in packer: Packer) -> Bool {
      inputs.count + pieces.count <= packer.maxInputs
        && pieces.reduce(tokenCount) { $0 + $1.1.tokenCount } <= packer.maxTokens
    }

    /// Each distinct text is asked for once.
    mutating func append(_ piece: Piece, _ input: Input, _ key: RowKey, _ digest: TextDigest) {
      let text = TextDigest(of: input.texts[0])
      let place = places[text] ?? inputs.count
      rows.append(BatchRow(key: key, digest: digest, input: place, piece: piece))
      guard place == inputs.count else { return }
      places[text] = place
      inputs.append(input)
      tokenCount += input.tokenCount
    }
  }

  /// Adds a row whose text isn't blank.
  mutating func add(_ key: RowKey, _ digest: TextDigest, _ text: String, to page: inout PackedPage) {
    let pieces = cutter.pieces(of: text, atMost: packer.mostPieces)
    guard pieces.count <= packer.mostPieces else {
      page.garbled.append((key, .tooManyPieces(than: packer.mostPieces, digest: digest)))
      return
    }
    page.taken += 1
    let own = paid[key].flatMap { $0.digest == digest ? $0.batches : nil } ?? [:]
    var missing: [(Piece, Input)] = []
    var batches: Set<BatchID> = []
    for (number, piece) in pieces.enumerated() {
      let place = Piece(number: number, of: pieces.count, range: piece.range)
      if let batch = own[place] {
        batches.insert(batch)
      } else {
        missing.append((place, packer.input(ofPiece: piece.text)))
      }
    }
    if missing.isEmpty {
      let index = complete.firstIndex { $0.batches == batches } ?? complete.count
      if index == complete.count { complete.append((batches, [], 0)) }
      complete[index].keys.insert(key)
      complete[index].pieces += pieces.count
    } else if batches.isEmpty, Request().hasRoom(for: missing, in: packer) || missing.count == 1 {
      if !open.hasRoom(for: missing, in: packer) { close(&page) }
      for (piece, input) in missing { open.append(piece, input, key, digest) }
      openKeys.insert(key)
    } else {
      addAlone(key, digest, missing, batches, &page)
    }
  }

  /// A row that has requests of its own.
  private func addAlone(
    _ key: RowKey, _ digest: TextDigest, _ missing: [(Piece, Input)], _ batches: Set<BatchID>,
    _ page: inout PackedPage
  ) {
    var requests = [Request()]
    for (piece, input) in missing {
      let isFull = !requests[requests.count - 1].hasRoom(for: [(piece, input)], in: packer)
      if isFull, !requests[requests.count - 1].inputs.isEmpty { requests.append(Request()) }
      requests[requests.count - 1].append(piece, input, key, digest)
    }
    page.add(requests.map(\.contents), keys: [key], kept: batches, pieces: missing.count + batches.count)
  }

  private mutating func close(_ page: inout PackedPage) {
    guard !open.inputs.isEmpty else { return }
    page.add([open.contents], keys: openKeys, kept: [], pieces: open.rows.count)
    open = Request()
    openKeys = []
  }

  /// Adds what is left to the page.
  mutating func finish(_ page: inout PackedPage) {
    close(&page)
    for rows in complete { page.add([], keys: rows.keys, kept: rows.batches, pieces: rows.pieces) }
  }
}

extension Packer {
  fileprivate func input(ofPiece text: String) -> Input {
    let sent = preparation.input(for: text) ?? text
    return whole(sent, countTokens(sent))
  }
}

extension PackedPage {
  /// Rows whose pieces are written together.
  package struct Bundle: Equatable, Sendable {
    /// What is asked for them, of the page's contents; empty where all is paid for.
    package let contents: Range<Int>
    package let keys: Set<RowKey>
    /// The batches that have their other pieces.
    package let kept: Set<BatchID>
    /// How many pieces they have, roughly.
    package let pieces: Int
  }

  fileprivate mutating func add(
    _ requests: [Batch.Contents], keys: Set<RowKey>, kept: Set<BatchID>, pieces: Int
  ) {
    let first = contents.count
    contents += requests
    bundles.append(Bundle(contents: first..<contents.count, keys: keys, kept: kept, pieces: pieces))
  }
}
