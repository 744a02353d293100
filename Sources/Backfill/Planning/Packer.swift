/// Packs the rows of a page into the inputs of requests: each distinct text once, within the model's limits.
package struct Packer: Sendable {
  package let preparation: TextPreparation
  /// The most inputs of one request.
  package let maxInputs: Int
  /// The most tokens of one request, summed.
  package let maxTokens: Int
  /// Counts or estimates the tokens of an input.
  package let countTokens: @Sendable (String) -> Int

  package init(
    preparation: TextPreparation, maxInputs: Int, maxTokens: Int = .max,
    countTokens: @escaping @Sendable (String) -> Int
  ) {
    self.preparation = preparation
    self.maxInputs = maxInputs
    self.maxTokens = maxTokens
    self.countTokens = countTokens
  }

  /// - Parameter condemned: the digests of the texts for which a row is in quarantine, by its key. A row whose text
  ///   has changed since is taken again.
  package func pack(_ page: [Message], condemned: [RowKey: TextDigest] = [:]) -> PackedPage {
    var packed = PackedPage(rows: page.count, lastKey: page.last?.key)
    var groups: [Group] = []
    var places: [TextDigest: (group: Int, input: Int)] = [:]
    for message in page {
      guard let text = message.text, let input = preparation.input(for: text) else {
        packed.excluded += 1
        continue
      }
      let digest = TextDigest(of: text)
      guard condemned[message.key] != digest else {
        packed.condemned += 1
        continue
      }
      packed.taken += 1
      // Strings compare by canonical equivalence, so only the digest tells whether the bytes are the same.
      let inputDigest = preparation.leavesAsIs(text) ? digest : TextDigest(of: input)
      if let place = places[inputDigest] {
        groups[place.group].rows.append(BatchRow(key: message.key, digest: digest, input: place.input))
        continue
      }
      let tokens = countTokens(input)
      if groups.last.map({ !$0.hasRoom(for: tokens, in: self) }) ?? true { groups.append(Group()) }
      let last = groups.count - 1
      places[inputDigest] = (last, groups[last].inputs.count)
      groups[last].append(input, tokens: tokens, key: message.key, digest: digest)
    }
    packed.contents = groups.map { Batch.Contents(inputs: $0.inputs, tokens: $0.tokens, rows: $0.rows) }
    return packed
  }

  private struct Group {
    var inputs: [String] = []
    var tokens: [Int] = []
    var rows: [BatchRow] = []
    var tokenCount = 0

    func hasRoom(for count: Int, in packer: Packer) -> Bool {
      inputs.count < packer.maxInputs && tokenCount + count <= packer.maxTokens
    }

    mutating func append(_ input: String, tokens count: Int, key: RowKey, digest: TextDigest) {
      rows.append(BatchRow(key: key, digest: digest, input: inputs.count))
      inputs.append(input)
      tokens.append(count)
      tokenCount += count
    }
  }
}

/// A page as it goes to the requests.
package struct PackedPage: Equatable, Sendable {
  /// How many rows the page had; 0 means that the sweep has reached its end.
  package let rows: Int
  package let lastKey: RowKey?
  /// Rows that wait for a vector.
  package fileprivate(set) var taken = 0
  /// Rows with a blank or NULL text.
  package fileprivate(set) var excluded = 0
  /// Rows in quarantine.
  package fileprivate(set) var condemned = 0
  package fileprivate(set) var contents: [Batch.Contents] = []

  package init(rows: Int, lastKey: RowKey?) {
    self.rows = rows
    self.lastKey = lastKey
  }
}
