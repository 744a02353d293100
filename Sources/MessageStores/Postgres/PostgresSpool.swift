import Backfill
import Foundation
import PgVector
import Postgres

/// The replies of a run in the database that holds its rows, over a connection of its own.
///
/// What comes while a transaction is under way goes into the next one together, so that the disk is waited for once a
/// group and not once a reply.
package final class PostgresSpool: DatabaseSpool {
  private let connection: PostgresConnection
  private let places: [ColumnIdentity: PostgresSpoolPlace]
  private let shard: Int?
  private let patience: PostgresPatience
  private let subject: String
  private let queue = Locked(Queue())

  /// A group has so many bytes of vectors, or one reply.
  private static let mostBytes = 8 << 20

  private struct Queue {
    var waiting: [Item] = []
    var isWorking = false
  }

  private struct Item: Sendable {
    var entry: SpoolEntry?
    var removed: [SpoolEntry.ID] = []
    let waiter: Waiter

    var bytes: Int { entry.map { 4 * $0.vectors.values.count } ?? 0 }
  }

  /// Opens it for columns that the caller has claimed, and makes its table where there is none.
  ///
  /// - Parameter shard: the part of the table's rows that the run fills; it then has entries of that part alone.
  ///
  /// Throws a `Failure` with `.denied` where a right is missing, and with `.configuration` where the table isn't to be
  /// trusted.
  package init(
    of columns: [(source: Source, identity: ColumnIdentity)], shard: Int? = nil, in url: DatabaseURL,
    applicationName: String, patience: PostgresPatience = PostgresPatience()
  ) async throws {
    connection = try PostgresConnection(to: url, applicationName: applicationName)
    self.shard = shard
    self.patience = patience
    subject = url.redacted
    do {
      places = try await connection.attempt(patience, subject: subject) { connection in
        var places: [ColumnIdentity: PostgresSpoolPlace] = [:]
        for column in columns {
          places[column.identity] = try PostgresSpoolPlace(of: column.source, column.identity, on: connection)
        }
        return places
      }
    } catch {
      await connection.close()
      throw error
    }
  }

  /// Its tables.
  private var names: String { Set(places.values.map(\.name)).sorted().joined(separator: ", ") }

  package func put(_ entry: SpoolEntry) async throws {
    try await enqueue { Item(entry: entry, waiter: $0) }
  }

  package func remove(_ ids: [SpoolEntry.ID]) async throws {
    guard !ids.isEmpty else { return }
    try await enqueue { Item(removed: ids, waiter: $0) }
  }

  package func heads() async throws -> [SpoolEntry.Head] {
    let (places, shard) = (places, shard)
    return try await connection.attempt(patience, subject: subject) { connection in
      let deadline = ContinuousClock.now + .seconds(5)
      for place in Dictionary(grouping: places.values, by: \.name).values.compactMap(\.first) {
        try place.awaitEntries(until: deadline, on: connection)
      }
      if shard != nil { for place in places.values { try place.refuseWhole(on: connection) } }
      return try places.values.flatMap { try $0.heads(shard: shard, on: connection) }
    }.sorted { $0.receivedAt < $1.receivedAt }
  }

  package func entry(_ id: SpoolEntry.ID) async throws -> SpoolEntry? {
    guard let place = places[id.column] else { return nil }
    return try await connection.attempt(patience, subject: subject) { try place.entry(id, on: $0) }
  }

  package func close() async {
    await connection.close()
  }
}

extension PostgresSpool {
  private func enqueue(_ item: (Waiter) -> Item) async throws {
    let waiter = Waiter()
    try await withTaskCancellationHandler {
      try await handedOver { handover in
        waiter.begin(handover)
        let isFirst = queue.withLock { queue in
          queue.waiting.append(item(waiter))
          defer { queue.isWorking = true }
          return !queue.isWorking
        }
        // A task of its own: what a request has brought is kept also where the run is being cancelled.
        if isFirst { Task { await work() } }
      }
    } onCancel: {
      Task {
        try? await Task.sleep(for: .seconds(1))
        waiter.end(with: .failure(CancellationError()))
      }
    }
  }

  private func work() async {
    while let group = next() {
      do {
        try await connection.attempt(patience, subject: names) { [self] in
          try commit(group, on: $0)
        } remedy: { [names] in
          $0.isTransient
            ? "run the same command again once it can be written: what was received is in the ledger"
            : "let the role SELECT, INSERT and DELETE in \(names) as it is made by vecfill, and run the same command "
              + "again: what was received is in the ledger"
        }
        for item in group { item.waiter.end(with: .success(())) }
      } catch {
        for item in group { item.waiter.end(with: .failure(error)) }
      }
    }
  }

  /// The next group; nil where nothing waits.
  private func next() -> [Item]? {
    queue.withLock { queue in
      var (count, bytes) = (0, 0)
      for item in queue.waiting {
        bytes += item.bytes
        guard count == 0 || bytes <= Self.mostBytes else { break }
        count += 1
      }
      guard count > 0 else {
        queue.isWorking = false
        return nil
      }
      defer { queue.waiting.removeFirst(count) }
      return Array(queue.waiting.prefix(count))
    }
  }

  private func commit(_ group: [Item], on connection: isolated PostgresConnection) throws {
    let removed = Dictionary(grouping: group.flatMap(\.removed), by: \.column)
    _ = try connection.pipeline { pipeline in
      try pipeline.add(PostgresSettings())
      // An entry that comes back after a crash does no harm: its rows are found to be written.
      if !group.contains(where: { $0.entry != nil }) {
        try pipeline.add("SELECT pg_catalog.set_config('synchronous_commit', 'off', true)")
      }
      for entry in group.compactMap(\.entry) {
        guard let place = places[entry.id.column] else { continue }
        try pipeline.add(place.insert, place.parameters(of: entry, shard: shard))
      }
      for (column, ids) in removed {
        guard let (sql, parameters) = places[column]?.delete(ids) else { continue }
        try pipeline.add(sql, parameters)
      }
    }
  }

  /// Who waits for an item, until it is done or no longer waited for.
  private final class Waiter: Sendable {
    private enum State {
      case new, done
      case waiting(Handover<Void>)
    }

    private let state = Locked(State.new)

    func begin(_ handover: Handover<Void>) {
      let isDone = state.withLock { state in
        if case .done = state { return true }
        state = .waiting(handover)
        return false
      }
      if isDone { handover.resume(with: .failure(CancellationError())) }
    }

    func end(with result: Result<Void, any Error>) {
      let last = state.withLock { state in
        defer { state = .done }
        return state
      }
      if case .waiting(let handover) = last { handover.resume(with: result) }
    }
  }
}

extension PostgresConnection {
  /// Runs `body` on an open connection, for as long as the patience lasts.
  fileprivate nonisolated func attempt<Value: Sendable>(
    _ patience: PostgresPatience, subject: String,
    _ body: @escaping @Sendable (isolated PostgresConnection) throws -> Value,
    remedy: (PostgresError) -> String? = { _ in nil }
  ) async throws -> Value {
    try await patience.trying { _ in
      try await live(body)
    } failure: {
      $0.failure(subject, remedy: remedy($0))
    }
  }
}

extension DatabaseURL {
  /// Opens the database's spool of columns that the caller has claimed, made where there is none.
  ///
  /// Throws a `Failure` with `.configuration` where the database is no PostgreSQL, and as `PostgresSpool` does.
  package func openSpool(
    of columns: [(source: Source, identity: ColumnIdentity)], shard: Int? = nil, applicationName: String,
    maxOutage: Duration? = nil
  ) async throws -> any DatabaseSpool {
    guard case .postgres = engine else {
      throw Failure(
        .configuration, "spool: database", "it needs PostgreSQL, and the rows are in SQLite",
        remedy: "leave it out: the ledger's file keeps what was received")
    }
    return try await PostgresSpool(
      of: columns, shard: shard, in: self, applicationName: applicationName,
      patience: PostgresPatience(limit: maxOutage))
  }
}
