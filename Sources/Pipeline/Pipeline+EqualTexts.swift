import Backfill
import Foundation
import Ledger

/// The rows of a page that need not be asked for since their text stands in other rows of the column.
struct SharedRows {
  /// Rows that get the vector of another row: it is in the ledger as received.
  var copied: Set<RowKey> = []
  /// Rows whose text is awaited for another one.
  var deferred: [RowKey] = []
}

extension Pipeline {
  /// Finds them, and enters the vectors that are copied into the ledger.
  ///
  /// - Parameter others: rows that are left out anyway.
  func share(
    _ page: MessagePage, _ condemned: [RowKey: TextDigest], _ others: Set<RowKey>, _ equals: EqualTexts,
    of source: Int
  ) async throws -> SharedRows {
    var shared = SharedRows()
    var rows: [TextDigest: [RowKey]] = [:]
    for message in page.messages where !others.contains(message.key) {
      guard let text = message.text, !text.isBlank else { continue }
      let digest = TextDigest(of: text)
      guard condemned[message.key] != digest else { continue }
      if equals.awaited.contains(digest) {
        shared.deferred.append(message.key)
      } else {
        rows[digest, default: []].append(message.key)
      }
    }
    guard !rows.isEmpty else { return shared }
    let known = try await texts(of: source).known(Set(rows.keys))
    // A vector that is paid for may wait for its row's lock.
    for text in known where equals.mayDefer && others.contains(text.key) {
      shared.deferred += rows.removeValue(forKey: text.digest) ?? []
    }
    let found = try await KnownVectors(known, in: job.sources[source], store: store)
    var (copies, vectors) = ([BatchRow](), Vectors(dimensions: job.model.dimensions))
    for (digest, vector) in found.vectors where vector.count == vectors.dimensions {
      guard let keys = rows[digest] else { continue }
      copies += keys.map { BatchRow(key: $0, digest: digest, input: vectors.count) }
      vectors.append(vector)
    }
    guard !copies.isEmpty else { return shared }
    try await ledger.copied(
      copies, vectors, as: equals.copies, target: begun.targets[source], cost: job.model.cost(ofTokens: 0),
      at: Date())
    shared.copied = Set(copies.map(\.key))
    return shared
  }

  private func texts(of source: Int) throws -> KnownTexts {
    if let texts = knownTexts.withLock({ $0[source] }) { return texts }
    let texts = try KnownTexts(in: ledger, of: begun.targets[source])
    knownTexts.withLock { $0[source] = texts }
    return texts
  }
}

/// The vectors of texts that are known, each once its row was asked for it: the row still holds the text, and the very
/// vector that was paid for it (P3).
struct KnownVectors {
  private(set) var vectors: [TextDigest: [Float]] = [:]

  init(_ known: [KnownText], in source: Source, store: any MessageStore) async throws {
    let wanted = Dictionary(known.map { ($0.key, $0.digest) }, uniquingKeysWith: { _, last in last })
    let found = try await store.vectors(of: wanted, in: source)
    for text in known {
      guard wanted[text.key] == text.digest, let vector = found[text.key], VectorTag(of: vector) == text.tag else {
        continue
      }
      vectors[text.digest] = vector
    }
  }
}
