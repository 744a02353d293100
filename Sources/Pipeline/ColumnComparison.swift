import Backfill
import Foundation

/// A few vectors that a column holds, to be compared with those that the job's model makes of the same texts (P4).
package struct ColumnComparison: Sendable {
  /// The index of its source in the job.
  package let source: Int
  /// What is asked for, a request each.
  package let contents: [Batch.Contents]
  /// By the digest of what is sent: strings compare by canonical equivalence, and models don't.
  private let stored: [TextDigest: [[Float]]]

  private static let leastCosine = SampleComparison.leastCosine
  private static let mostTexts = 5

  /// Takes the shortest texts of `rows`, as `packer` prepares them.
  package init(of rows: [FilledRow], source: Int, _ packer: Packer) {
    self.source = source
    let usable = rows.filter { $0.text?.isBlank == false }
      .sorted { ($0.text?.utf8.count ?? 0) < ($1.text?.utf8.count ?? 0) }.prefix(Self.mostTexts)
    let messages = usable.enumerated().map { Message(key: .integer(Int64($0.offset)), text: $0.element.text) }
    // Without their rows: what the spool holds of a comparison when a process dies is nothing to be written.
    contents = packer.pack(MessagePage(messages, continuesAfter: nil)).contents.map {
      Batch.Contents(inputs: $0.inputs, rows: [])
    }
    var stored: [TextDigest: [[Float]]] = [:]
    for row in usable {
      guard let input = row.text.flatMap(packer.preparation.input) else { continue }
      stored[TextDigest(of: input), default: []].append(row.vector)
    }
    self.stored = stored
  }

  /// Compares the vectors of a request's inputs with those that the column holds.
  ///
  /// Returns how many are alike. Throws a `Failure` with `.configuration` where one is not.
  ///
  /// - Parameter unusable: inputs that got no vector.
  func alike(_ contents: Batch.Contents, _ vectors: Vectors, leavingOut unusable: Set<Int>, _ job: Job) throws -> Int {
    var cosines: [Double] = []
    for (index, input) in contents.inputs.enumerated() where !unusable.contains(index) {
      for own in input.texts.first.flatMap({ stored[TextDigest(of: $0)] }) ?? [] {
        cosines.append(own.cosine(to: vectors[index]))
      }
    }
    let others = cosines.filter { !($0 >= Self.leastCosine) }
    guard let least = others.min() else { return cosines.count }
    let table = job.sources[source]
    throw Failure(
      .configuration, table.column,
      "it holds vectors that [\(job.fingerprint(of: table))] does not make: of \(cosines.count) that were made again, "
        + "\(others.count) came out different (cosine \(String(format: "%.2f", least)); the same model gives \(Self.leastCosine) and more)",
      remedy: "fill another column, or empty this one; where only texts were edited since, add --adopt")
  }
}
