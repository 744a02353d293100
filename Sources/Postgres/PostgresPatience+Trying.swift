import Backfill

extension PostgresPatience {
  /// Runs `body` until it passes or this patience is at its end, and then throws what `failure` makes of the last error.
  /// `isRepeat` says that an earlier try may have been done all the same.
  package func trying<Value: Sendable>(
    isolation: isolated (any Actor)? = #isolation, _ body: (_ isRepeat: Bool) async throws -> Value,
    failure: (PostgresError) -> Failure
  ) async throws -> Value {
    var patience = self
    var isRepeat = false
    while true {
      do {
        return try await body(isRepeat)
      } catch let error as PostgresError {
        guard let delay = patience.delay(after: error, chance: .random(in: 0..<1)) else { throw failure(error) }
        isRepeat = isRepeat || error.mayHaveBeenDone
        try await Task.sleep(for: delay)
      }
    }
  }
}

extension PostgresConnection {
  /// Runs `body` on an open connection.
  package func live<Value: Sendable>(
    _ body: @Sendable (isolated PostgresConnection) throws -> Value
  ) throws -> Value {
    if !isAlive { try reconnect() }
    do {
      return try body(self)
    } catch let error as PostgresError where error.isReadOnly {
      // What made the session read-only lasts as long as the session.
      close()
      throw error
    }
  }
}
