import Backfill
import Postgres

/// Connections of which any does, so that as few are opened as are needed side by side.
struct PostgresConnections: Sendable {
  private let all: [PostgresConnection]
  /// How many use each of them just now.
  private let users: Locked<[Int]>

  /// - Parameter connections: at least one; the first is opened first.
  init(_ connections: [PostgresConnection]) {
    all = connections
    users = Locked(connections.map { _ in 0 })
  }

  /// The first connection that nobody uses, or where there is none, one that the fewest use; to be given back.
  func borrow() -> PostgresConnection {
    let index = users.withLock { users in
      let index = users.indices.min { users[$0] < users[$1] } ?? 0
      users[index] += 1
      return index
    }
    return all[index]
  }

  func giveBack(_ connection: PostgresConnection) {
    guard let index = all.firstIndex(where: { $0 === connection }) else { return }
    users.withLock { $0[index] -= 1 }
  }

  func close() async {
    for connection in all { await connection.close() }
  }
}
