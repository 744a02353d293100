/// A batch's identity, unique in a ledger.
package struct BatchID: Hashable, Comparable, Sendable {
  package let run: Int64
  /// Counts from 1 in its run.
  package let number: Int

  package init(run: Int64, number: Int) {
    self.run = run
    self.number = number
  }

  /// In the order in which they were planned.
  package static func < (a: BatchID, b: BatchID) -> Bool { (a.run, a.number) < (b.run, b.number) }
}

/// A row that waits for the vector of one of its batch's inputs.
package struct BatchRow: Hashable, Sendable {
  package let key: RowKey
  /// The SHA-256 of the row's text as it was read.
  package let digest: TextDigest
  /// The index of its input in the batch; rows of the same input share one vector.
  package let input: Int
  /// Which piece of the row's text the input is; nil where it stands for all of it.
  package let piece: Piece?

  package init(key: RowKey, digest: TextDigest, input: Int, piece: Piece? = nil) {
    self.key = key
    self.digest = digest
    self.input = input
    self.piece = piece
  }

  /// The same row, with `inputs` more inputs before its own.
  func moved(by inputs: Int) -> BatchRow {
    BatchRow(key: key, digest: digest, input: input + inputs, piece: piece)
  }
}

/// The inputs of one request and the rows that wait for their vectors.
package struct Batch: Equatable, Sendable {
  package let id: BatchID
  /// The index of its source in the job.
  package let source: Int
  /// The page that it came from. The page is settled when all its batches have ended.
  package let page: Int
  package let purpose: Purpose
  /// The batches that it is written together with, since they may hold pieces of the same rows; nil where it is written alone.
  package let bundle: Int?
  package let contents: Contents

  /// What its vectors are for.
  package enum Purpose: Sendable {
    case rows
    /// Nothing: it asks for a harmless text, to see whether the endpoint works. Such a text may be told.
    case probe
    /// They are compared with those that rows have already.
    case comparison
  }

  package init(
    id: BatchID, source: Int, page: Int, purpose: Purpose = .rows, bundle: Int? = nil, contents: Contents
  ) {
    self.id = id
    self.source = source
    self.page = page
    self.purpose = purpose
    self.bundle = bundle
    self.contents = contents
  }

  /// The page of a batch that belongs to none.
  static let noPage = 0

  package var isProbe: Bool { purpose == .probe }

  package struct Contents: Equatable, Sendable {
    package let inputs: [Input]
    package let rows: [BatchRow]

    package init(inputs: [Input], rows: [BatchRow]) {
      self.inputs = inputs
      self.rows = rows
    }

    /// The texts of the request, in its order.
    package var texts: [String] { inputs.flatMap(\.texts) }

    package var tokenCount: Int { inputs.reduce(0) { $0 + $1.tokenCount } }

    /// The most tokens that the request can be billed for.
    package var mostTokens: Int { inputs.reduce(0) { $0 + $1.mostTokens } }

    /// The rows whose text was too long as it is.
    package var fittedRows: Int { rows.count { inputs[$0.input].isFitted } }

    /// Which input the text of that number in the request is of.
    package func input(ofText number: Int) -> Int? {
      var end = 0
      return inputs.firstIndex { input in
        end += input.texts.count
        return (0..<end).contains(number)
      }
    }

    /// The contents without the rows of some inputs, whose places stay.
    package func leavingOut(_ unusable: Set<Int>) -> Contents {
      unusable.isEmpty ? self : Contents(inputs: inputs, rows: rows.filter { !unusable.contains($0.input) })
    }

    /// The vectors of the inputs, from those of their texts.
    package func joined(_ vectors: Vectors) -> Vectors {
      guard inputs.contains(where: { $0.texts.count > 1 }) else { return vectors }
      var joined = Vectors(dimensions: vectors.dimensions)
      var first = 0
      for input in inputs {
        let own = first..<first + input.texts.count
        joined.append(own.count == 1 ? vectors[first] : vectors.mean(of: own, weights: input.weights)[...])
        first = own.upperBound
      }
      return joined
    }

    /// Both halves of the inputs, by their tokens; one part alone where there is but one input.
    package func halvesByTokens() -> [Range<Int>] {
      guard inputs.count > 1 else { return [inputs.indices] }
      var sum = 0
      let half = tokenCount / 2
      let middle = inputs.firstIndex { input in
        sum += input.tokenCount
        return sum > half
      }
      let end = min(max(middle ?? inputs.count / 2, 1), inputs.count - 1)
      return [0..<end, end..<inputs.count]
    }

    /// Whether the counts are those that the provider makes.
    package var isExact: Bool { mostTokens == tokenCount }

    /// The same with harmless texts, for which no row waits, at these places of what comes of it, in order.
    package func with(harmlessAt places: [Int]) -> Contents {
      var inputs = inputs
      for place in places { inputs.insert(.harmless, at: place) }
      let own = inputs.indices.filter { !places.contains($0) }
      return Contents(inputs: inputs, rows: rows.map { $0.moved(by: own[$0.input] - $0.input) })
    }

    /// The same without the inputs at `places`, for which no row waits.
    func without(inputsAt places: [Int]) -> Contents {
      guard !places.isEmpty else { return self }
      return Contents(
        inputs: inputs.indices.filter { !places.contains($0) }.map { inputs[$0] },
        rows: rows.map { row in row.moved(by: -places.count { $0 < row.input }) })
    }

    /// The part with the inputs in `range`, their rows renumbered.
    package func slice(_ range: Range<Int>) -> Contents {
      Contents(
        inputs: Array(inputs[range]),
        rows: rows.filter { range.contains($0.input) }.map { $0.moved(by: -range.lowerBound) })
    }
  }
}

extension [BatchRow] {
  /// Each row with its vector out of `vectors`, the vectors of the batch's inputs.
  package func embedded(by vectors: Vectors) -> [EmbeddedRow] {
    map { EmbeddedRow(key: $0.key, digest: $0.digest, vector: vectors[$0.input], piece: $0.piece) }
  }
}
