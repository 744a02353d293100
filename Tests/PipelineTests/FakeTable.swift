import Backfill

/// A table in memory: rows with a text and perhaps a vector.
final class FakeTable: MessageStore, Sendable {
  struct Row: Sendable {
    var text: String
    var vector: [Float]?
  }

  private let state: Locked<[Int64: Row]>
  let identity = "memory"
  let mostWriters = 2

  init(_ texts: [String]) {
    var rows: [Int64: Row] = [:]
    for (index, text) in texts.enumerated() { rows[Int64(index + 1)] = Row(text: text) }
    state = Locked(rows)
  }

  var rows: [Int64: Row] { state.withLock { $0 } }

  /// Gives a row another text, and no vector.
  func edit(_ key: Int64, to text: String) { state.withLock { $0[key] = Row(text: text) } }

  func delete(_ key: Int64) { state.withLock { $0[key] = nil } }

  func inspect(_ source: Source, dimensions: Int, for access: StoreAccess) async throws -> SourceShape {
    SourceShape(keyKind: .integer, vectorType: "BLOB")
  }

  func lastKey(of source: Source) async throws -> RowKey? { rows.keys.max().map { .integer($0) } }

  func page(of source: Source, _ request: PageRequest) async throws -> MessagePage {
    func number(_ key: RowKey?) -> Int64? { if case .integer(let number)? = key { number } else { nil } }
    let (after, through) = (number(request.after) ?? 0, number(request.through) ?? .max)
    let found = rows.filter { $0.key > after && $0.key <= through && $0.value.vector == nil }.sorted { $0.key < $1.key }
    let page = found.prefix(request.limit)
    return MessagePage(
      page.map { Message(key: .integer($0.key), text: $0.value.text) },
      continuesAfter: found.count > page.count ? page.last.map { .integer($0.key) } : nil)
  }

  func countRemaining(in source: Source) async throws -> Int { rows.values.count { $0.vector == nil } }

  func write(_ embedded: [EmbeddedRow], to source: Source) async throws -> WriteOutcome {
    state.withLock { rows in
      var outcome = WriteOutcome()
      for row in embedded {
        guard case .integer(let key) = row.key, let found = rows[key], found.vector == nil,
          TextDigest(of: found.text) == row.digest
        else { continue }
        rows[key]?.vector = Array(row.vector)
        outcome.written.insert(row.key)
      }
      return outcome
    }
  }

  func nearest(to vector: [Float], in source: Source, limit: Int) async throws -> [Neighbour] { [] }
  func vectors(of rows: [RowKey: TextDigest], in source: Source) async throws -> [RowKey: [Float]] { [:] }
  func named(_ source: Source) async throws -> Source { source }
  func column(of source: Source) async throws -> ColumnIdentity? {
    ColumnIdentity(database: identity, column: source.column)
  }
  func claim(_ source: Source) async throws -> ColumnClaim {
    ColumnClaim(column: ColumnIdentity(database: identity, column: source.column))
  }
  func filled(in source: Source, limit: Int) async throws -> FilledSample { FilledSample([]) }
  func record(_ fingerprint: Fingerprint, of source: Source) async throws -> String? { nil }
  func forget(_ source: Source) async throws -> ColumnIdentity? { nil }
  func close() async {}
}
