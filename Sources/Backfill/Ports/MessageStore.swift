/// The database that holds the messages.
///
/// Every adapter passes the contract suite in `Tests/MessageStoresTests`. No call leaves a transaction open when it
/// returns (P9). All errors are `Failure`s that name the table or host and hold no text and no secret, but for a
/// `CancellationError` once the task was cancelled and what it did in the database was ended.
package protocol MessageStore: Sendable {
  /// Which database this is, stable over reconnects and without a secret, e.g. "postgresql://db:5432/verse".
  var identity: String { get }

  /// Checks that `source` can be paged, and for `.filling` also filled, with vectors of `dimensions`, and tells what it
  /// found.
  ///
  /// Throws a `Failure` with `.configuration` for a missing table, column, extension, a key that can't be paged or a
  /// column of another dimension, and `.denied` for a missing right.
  func inspect(_ source: Source, dimensions: Int, for access: StoreAccess) async throws -> SourceShape

  /// The rows that lack a vector and meet the source's condition, whose key is greater than `key`, in key order: at
  /// most `limit`, and fewer once their texts reach `pageBytes`. An empty page means that none is left behind `key`.
  /// Blank and NULL texts are returned too. With `sample`, only the rows that it chooses.
  func page(of source: Source, after key: RowKey?, limit: Int, sample: KeySample?) async throws -> [Message]

  /// How many rows lack a vector and meet the source's condition.
  func countRemaining(in source: Source) async throws -> Int

  /// Writes each vector whose row still holds the very text and still lacks a vector, all in one transaction, and
  /// returns the keys of the rows that were written. The others were edited, deleted or filled, and are left.
  func write(_ rows: [EmbeddedRow], to source: Source) async throws -> Set<RowKey>

  /// The rows with a vector that are nearest to `vector` by cosine distance, nearest first, at most `limit`.
  func nearest(to vector: [Float], in source: Source, limit: Int) async throws -> [Neighbour]

  /// Takes the database's own lock on filling `source`, held until this store is closed or its process dies.
  ///
  /// Throws a `Failure` with `.locked` that names the holder. A store without such a lock does nothing.
  func lock(_ source: Source) async throws

  /// Closes the connections; what was locked is free after it.
  func close() async
}

/// What a store is opened for, and so which rights it asks for.
package enum StoreAccess: Sendable {
  /// Paging and counting: nothing is written.
  case reading
  case filling
}

extension MessageStore {
  package func inspect(_ source: Source, dimensions: Int) async throws -> SourceShape {
    try await inspect(source, dimensions: dimensions, for: .filling)
  }

  package func page(of source: Source, after key: RowKey?, limit: Int) async throws -> [Message] {
    try await page(of: source, after: key, limit: limit, sample: nil)
  }

  /// The bytes of text after which a page ends early: 8 MiB. One text alone may be longer.
  package static var pageBytes: Int { 8 << 20 }
}

/// What `MessageStore.inspect` found.
package struct SourceShape: Equatable, Sendable {
  package let keyKind: RowKey.Kind
  /// The vector column as declared, e.g. "vector(1536)", "halfvec(3072)", "VECTOR(1536)", "BLOB".
  package let vectorType: String
  /// What a person should know though it stops nothing, a sentence each.
  package let warnings: [String]

  package init(keyKind: RowKey.Kind, vectorType: String, warnings: [String] = []) {
    self.keyKind = keyKind
    self.vectorType = vectorType
    self.warnings = warnings
  }
}

/// A row found by `MessageStore.nearest`.
package struct Neighbour: Equatable, Sendable {
  package let key: RowKey
  package let text: String
  /// The cosine distance, from 0 for the same direction to 2 for the opposite.
  package let distance: Double

  package init(key: RowKey, text: String, distance: Double) {
    self.key = key
    self.text = text
    self.distance = distance
  }
}
