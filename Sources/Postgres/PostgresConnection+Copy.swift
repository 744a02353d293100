import CPostgres

/// COPY into a table.
extension PostgresConnection {
  /// Begins a transaction by `script`, and runs `body`, which commits it; what is left open by an error is rolled back.
  package func stage(_ script: String, _ body: (isolated PostgresConnection) throws -> Void) throws {
    do {
      try execute(script)
      try body(self)
    } catch {
      try rollBack()
      throw error
    }
  }

  /// Sends `bytes` to `sql`, a `COPY … FROM STDIN`; returns the number of rows that the server took.
  @discardableResult
  package func copy(_ sql: String, _ bytes: [UInt8]) throws -> Int {
    let handle = try open()
    try handle.begin()
    try handle.check(PQsendQuery(handle.pointer, sql))
    try handle.flush()
    guard let answer = try handle.nextResult() else { throw PostgresError(connection: handle.pointer) }
    guard PQresultStatus(answer) == PGRES_COPY_IN else {
      // It is the statement's error: what COPY would wait for was never begun.
      defer { while let rest = PQgetResult(handle.pointer) { PQclear(rest) } }
      _ = try handle.judge(answer)
      throw PostgresError(sqlState: "0A000", message: "COPY took no data", endsConnection: true)
    }
    PQclear(answer)
    try handle.put(bytes)
    var last: PostgresResult?
    var failure: (any Error)?
    while let result = try handle.nextResult() {
      do { last = try handle.judge(result) } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
    guard let last else { throw PostgresError(connection: handle.pointer) }
    return last.affectedRows
  }
}

extension PostgresHandle {
  /// Sends a COPY's data and its end. What the server says against it comes as the statement's result.
  fileprivate func put(_ bytes: [UInt8]) throws {
    let most = 256 * 1024
    var start = 0
    while start < bytes.count {
      let count = min(most, bytes.count - start)
      let sent = bytes.withUnsafeBytes { bytes in
        PQputCopyData(pointer, bytes.baseAddress?.advanced(by: start).assumingMemoryBound(to: CChar.self), Int32(count))
      }
      guard sent >= 0 else { throw PostgresError(connection: pointer) }
      // libpq keeps what the socket doesn't take; flushing waits for it, so that memory stays bounded.
      if sent == 1 { start += count }
      try flush()
    }
    while true {
      let ended = PQputCopyEnd(pointer, nil)
      guard ended >= 0 else { throw PostgresError(connection: pointer) }
      try flush()
      if ended == 1 { return }
    }
  }
}
