import Backfill
import PgVector
import Postgres

/// What the triggers of sources with `follow: notify` tell, on a connection of its own.
///
/// It promises nothing: where no trigger is there, where a pooler stands between, or while the connection is lost, nothing
/// is reported, and a waiting run looks again when its time is over.
actor PostgresNews {
  private let connection: PostgresConnection
  /// The session that listens; nil where none does.
  private var session: Int?
  private var isPooled = false

  init(connection: PostgresConnection) {
    self.connection = connection
  }

  /// Returns true as soon as one of `sources` was written to, and false after `time`.
  func wait(for sources: [Source], atMost time: Duration) async throws -> Bool {
    let channels = sources.filter(\.notifies).map(TriggerName.channel)
    let start = ContinuousClock.now
    if !channels.isEmpty, !isPooled {
      do {
        // What was written before it listened was told to nobody.
        if try await listen(on: channels) { return true }
        if !isPooled { return try await connection.run { try $0.waitForNotification(atMost: time) } }
      } catch is PostgresError {
        session = nil
        await connection.close()
      }
    }
    let left = time - start.duration(to: .now)
    if left > .zero { try await Task.sleep(for: left) }
    return false
  }

  func close() async { await connection.close() }

  /// Listens where it doesn't yet; returns whether it has just begun.
  private func listen(on channels: [String]) async throws -> Bool {
    let known = session
    let (now, isPooled) = try await connection.run { connection -> (Int, Bool) in
      if connection.isAlive, connection.session == known { return (connection.session, false) }
      if !connection.isAlive { try connection.reconnect() }
      guard try !connection.isPooled() else {
        connection.close()
        return (connection.session, true)
      }
      for channel in channels { try connection.execute("LISTEN \(channel.quotedIdentifier)") }
      return (connection.session, false)
    }
    self.isPooled = isPooled
    session = now
    return !isPooled && now != known
  }
}
