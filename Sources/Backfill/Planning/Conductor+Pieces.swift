extension Conductor {
  /// The requests for rows whose texts are cut into pieces.
  mutating func bundled(_ page: PackedPage, _ source: Int) -> [Requested] {
    var requests: [Requested] = []
    for bundle in page.bundles {
      let number = assembly.begin(bundle, source: source, page: pageCount)
      requests += page.contents[bundle.contents].map { plan($0, source: source, page: pageCount, bundle: number) }
      assembled(number)
    }
    return requests
  }

  /// Writes a bundle that has all it will get.
  mutating func assembled(_ bundle: Int?) {
    guard let bundle, let complete = assembly.complete(bundle) else { return }
    if let entry = complete.entry { writes.add(entry) }
    ended += complete.ended.map { Ended(id: $0, source: complete.source, page: complete.page) }
  }

  /// All rows of a write's entry have ended.
  mutating func entryEnded(_ entry: WriteQueue.Entry) {
    guard let pieces = entry.pieces else {
      return ended.append(Ended(id: entry.batch, source: entry.source, page: entry.page))
    }
    let own = entry.batches.filter { !pieces.kept.contains($0) }
    for batch in own { ended.append(Ended(id: batch, source: entry.source, page: entry.page)) }
    // Of its page it was one, though it had no request.
    if own.isEmpty { ended.append(Ended(id: nextBatchID(), source: entry.source, page: entry.page)) }
    for batch in pieces.kept where assembly.ended(batch, rows: pieces.keys.count) {
      ended.append(Ended(id: batch, source: entry.source, page: nil))
    }
  }
}
