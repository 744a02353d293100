/// Packs the rows of a page into the inputs of requests: each distinct text once, within the model's limits.
package struct Packer: Sendable {
  package let preparation: TextPreparation
  /// The most inputs of one request.
  package let maxInputs: Int
  /// The most tokens of one request, summed.
  package let maxTokens: Int
  /// What one input may hold; nil where it is unknown.
  package let inputLimit: InputLimit?
  /// Whether the counts are those that the provider will make.
  package let countsExactly: Bool
  /// Counts or estimates the tokens of a text.
  package let countTokens: @Sendable (String) -> Int
  /// The most pieces of one text, whose vectors are in memory when they are written. The default is no bound.
  package var mostPieces = Int.max

  package init(
    preparation: TextPreparation, maxInputs: Int, maxTokens: Int = .max, inputLimit: InputLimit? = nil,
    countsExactly: Bool = false, countTokens: @escaping @Sendable (String) -> Int
  ) {
    self.preparation = preparation
    self.maxInputs = maxInputs
    self.maxTokens = maxTokens
    self.inputLimit = inputLimit
    self.countsExactly = countsExactly
    self.countTokens = countTokens
  }

  /// - Parameters:
  ///   - condemned: the digests of the texts for which a row is in quarantine, by its key. A row whose text has changed
  ///     since is taken again.
  ///   - held: rows that are paid for and wait to be written.
  ///   - cutting: how the texts are cut into pieces; nil where each is one input.
  ///   - paid: the pieces that are paid for.
  package func pack(
    _ page: MessagePage, condemned: [RowKey: TextDigest] = [:], held: Set<RowKey> = [], cutting: Cutting? = nil,
    paid: [RowKey: PaidPieces] = [:]
  ) -> PackedPage {
    var pieces = cutting.map { PiecePacking(self, $0, paid: paid) }
    var packed = PackedPage(continuesAfter: page.continuesAfter)
    var groups: [Group] = []
    var places: [TextDigest: (group: Int, input: Int)] = [:]
    for message in page.messages where !held.contains(message.key) {
      if let unreadable = message.unreadable {
        if !unreadable.isTooLong { packed.unreadable += 1 }
        if condemned[message.key] == unreadable.digest {
          packed.condemned += 1
        } else {
          packed.garbled.append((message.key, unreadable))
        }
        continue
      }
      guard let text = message.text, let prepared = preparation.input(for: text) else {
        packed.excluded += 1
        continue
      }
      let digest = TextDigest(of: text)
      guard condemned[message.key] != digest else {
        packed.condemned += 1
        continue
      }
      guard pieces == nil else {
        pieces?.add(message.key, digest, text, to: &packed)
        continue
      }
      packed.taken += 1
      // Strings compare by canonical equivalence, so only the digest says whether the bytes are the same.
      let inputDigest = preparation.leavesAsIs(text) ? digest : TextDigest(of: prepared)
      if let place = places[inputDigest] {
        groups[place.group].rows.append(BatchRow(key: message.key, digest: digest, input: place.input))
        continue
      }
      guard let input = input(of: prepared) else {
        packed.overlong.append(BatchRow(key: message.key, digest: digest, input: 0))
        continue
      }
      if groups.last.map({ !$0.hasRoom(for: input, in: self) }) ?? true { groups.append(Group()) }
      let last = groups.count - 1
      places[inputDigest] = (last, groups[last].inputs.count)
      groups[last].append(input, key: message.key, digest: digest)
    }
    packed.contents += groups.map { Batch.Contents(inputs: $0.inputs, rows: $0.rows) }
    pieces?.finish(&packed)
    return packed
  }

  /// What is sent for `text`; nil where it is known to be too long and nothing is.
  private func input(of text: String) -> Input? {
    let tokens = countTokens(text)
    guard let inputLimit, inputLimit.isPassed(by: text, counted: tokens) else { return whole(text, tokens) }
    let prefix = preparation.prefix
    let own = prefix.isEmpty ? text : String(Substring(text.utf8.dropFirst(prefix.utf8.count)))
    let parts = inputLimit.parts(of: own, preparation, atMost: maxInputs, count: countTokens)
    guard !parts.isEmpty, parts.count <= maxInputs, parts.reduce(0, { $0 + $1.tokens }) <= maxTokens else { return nil }
    return Input(
      texts: parts.map(\.text), tokens: parts.map(\.tokens), isExact: countsExactly, isFitted: true,
      weights: parts.map(\.weight))
  }

  /// `text` as it stands, which has `tokens` as they are counted here.
  func whole(_ text: String, _ tokens: Int) -> Input {
    Input(texts: [text], tokens: [tokens], isExact: countsExactly, leastTokens: inputLimit?.least(of: text) ?? 0)
  }

  private struct Group {
    var inputs: [Input] = []
    var rows: [BatchRow] = []
    var textCount = 0
    var tokenCount = 0

    func hasRoom(for input: Input, in packer: Packer) -> Bool {
      textCount + input.texts.count <= packer.maxInputs && tokenCount + input.tokenCount <= packer.maxTokens
    }

    mutating func append(_ input: Input, key: RowKey, digest: TextDigest) {
      rows.append(BatchRow(key: key, digest: digest, input: inputs.count))
      inputs.append(input)
      textCount += input.texts.count
      tokenCount += input.tokenCount
    }
  }
}

/// A page as it goes to the requests.
package struct PackedPage: Sendable {
  /// The key behind which the next page begins; nil where the range has been read to its end.
  package let continuesAfter: RowKey?
  /// Rows that wait for a vector.
  package internal(set) var taken = 0
  /// Rows with a blank or NULL text.
  package fileprivate(set) var excluded = 0
  /// Rows in quarantine.
  package fileprivate(set) var condemned = 0
  /// Rows whose text can't be read, those in quarantine included.
  package fileprivate(set) var unreadable = 0
  package internal(set) var contents: [Batch.Contents] = []
  /// Of `contents`, those that are written together, since they may hold pieces of the same rows; none where each is
  /// written alone.
  package internal(set) var bundles: [Bundle] = []
  /// Of the rows that were taken, those whose text is known to be too long, and which aren't sent.
  package internal(set) var overlong: [BatchRow] = []
  /// Rows whose vectors were written before and are kept, by the batch that has them.
  package private(set) var kept: [BatchID: Set<RowKey>] = [:]
  /// Rows whose vectors other rows of the column have, by the batch that has them.
  package private(set) var copied: [BatchID: Set<RowKey>] = [:]
  /// Rows whose text is awaited for another row: a later sweep takes them.
  package private(set) var deferred: [RowKey] = []
  /// Rows that wait for a batch of the provider's.
  package var waiting = 0
  /// Whether the page had more rows than may be taken: it ends before the first of those.
  package var isCut = false
  /// Rows whose text can't be read and which are not in quarantine yet.
  package internal(set) var garbled: [(key: RowKey, text: UnreadableText)] = []

  package init(continuesAfter: RowKey?) {
    self.continuesAfter = continuesAfter
  }

  /// Adds rows that need no request, since their vectors are kept.
  package mutating func add(kept rows: [BatchID: Set<RowKey>]) {
    kept = rows
    taken += rows.values.reduce(0) { $0 + $1.count }
  }

  /// Adds rows that need no request, since other rows have their vectors.
  package mutating func add(copied rows: Set<RowKey>, by batch: BatchID) {
    guard !rows.isEmpty else { return }
    copied[batch] = rows
    taken += rows.count
  }

  /// Adds rows that are left to a later sweep.
  package mutating func add(deferred rows: [RowKey]) {
    deferred = rows
  }

  /// The texts of the rows that wait for a request's vectors.
  var askedTexts: Set<TextDigest> { contents.reduce(into: []) { $0.formUnion($1.rows.map(\.digest)) } }
}
