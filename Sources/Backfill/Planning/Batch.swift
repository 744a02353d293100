/// A batch's identity, unique in a ledger.
package struct BatchID: Hashable, Sendable {
  package let run: Int64
  /// Counts from 1 in its run.
  package let number: Int

  package init(run: Int64, number: Int) {
    self.run = run
    self.number = number
  }
}

/// A row that waits for the vector of one of its batch's inputs.
package struct BatchRow: Equatable, Sendable {
  package let key: RowKey
  /// The SHA-256 of the row's text as it was read.
  package let digest: TextDigest
  /// The index of its input in the batch; rows of the same input share one vector.
  package let input: Int

  package init(key: RowKey, digest: TextDigest, input: Int) {
    self.key = key
    self.digest = digest
    self.input = input
  }
}

/// The inputs of one request and the rows that wait for their vectors.
package struct Batch: Equatable, Sendable {
  package let id: BatchID
  /// The index of its source in the job.
  package let source: Int
  /// The page that it came from, which its end helps to settle.
  package let page: Int
  package let contents: Contents

  package init(id: BatchID, source: Int, page: Int, contents: Contents) {
    self.id = id
    self.source = source
    self.page = page
    self.contents = contents
  }

  package struct Contents: Equatable, Sendable {
    package let inputs: [String]
    /// The tokens of each input, counted or estimated.
    package let tokens: [Int]
    package let rows: [BatchRow]

    package init(inputs: [String], tokens: [Int], rows: [BatchRow]) {
      self.inputs = inputs
      self.tokens = tokens
      self.rows = rows
    }

    package var tokenCount: Int { tokens.reduce(0, +) }

    /// What a provider can count at most: a byte-level token is at least one byte, and other tokenizers add a start and
    /// an end to each input.
    package var mostTokens: Int { inputs.reduce(0) { $0 + $1.utf8.count + 2 } }

    /// Both halves of the inputs, by their tokens; one part alone where there is but one input.
    package func halvesByTokens() -> [Range<Int>] {
      guard inputs.count > 1 else { return [inputs.indices] }
      var sum = 0
      let half = tokenCount / 2
      let middle = tokens.firstIndex { count in
        sum += count
        return sum > half
      }
      let end = min(max(middle ?? inputs.count / 2, 1), inputs.count - 1)
      return [0..<end, end..<inputs.count]
    }

    /// The part with the inputs in `range`, their rows renumbered.
    package func slice(_ range: Range<Int>) -> Contents {
      Contents(
        inputs: Array(inputs[range]), tokens: Array(tokens[range]),
        rows: rows.filter { range.contains($0.input) }
          .map { BatchRow(key: $0.key, digest: $0.digest, input: $0.input - range.lowerBound) })
    }
  }
}

extension [BatchRow] {
  /// Each row with its vector out of `vectors`, the vectors of the batch's inputs.
  package func embedded(by vectors: Vectors) -> [EmbeddedRow] {
    map { EmbeddedRow(key: $0.key, digest: $0.digest, vector: vectors[$0.input]) }
  }
}
