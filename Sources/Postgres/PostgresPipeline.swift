import CPostgres

/// Statements that are sent without waiting for each one's result: one round trip for all of them.
package struct PostgresPipeline {
  private let handle: PostgresHandle
  fileprivate private(set) var count = 0
  private var unflushed = 0

  fileprivate init(_ handle: PostgresHandle) {
    self.handle = handle
  }

  /// Adds one statement.
  package mutating func add(_ sql: String, _ parameters: [PostgresValue] = []) throws {
    let parameters = PostgresParameters(parameters)
    try handle.check(
      parameters.withPointers { count, types, values, lengths, formats in
        PQsendQueryParams(handle.pointer, sql, count, types, values, lengths, formats, 0)
      })
    count += 1
  }

  /// Parses a statement for the `addPrepared` calls that follow, up to the next `add`.
  ///
  /// PostgreSQL infers each parameter's type from the statement: an `.integer` needs a bigint there. It is the
  /// connection's unnamed statement, which no pooler can lose within a transaction.
  package mutating func prepare(_ sql: String) throws {
    try handle.check(PQsendPrepare(handle.pointer, "", sql, 0, nil))
    count += 1
  }

  /// Adds the prepared statement with `parameters`.
  package mutating func addPrepared(_ parameters: borrowing PostgresParameters) throws {
    try handle.check(
      parameters.withPointers { count, _, values, lengths, formats in
        PQsendQueryPrepared(handle.pointer, "", count, values, lengths, formats, 0)
      })
    count += 1
    unflushed += parameters.byteCount
    guard unflushed > 256 * 1024 else { return }
    try handle.flush()
    unflushed = 0
  }
}

extension PostgresConnection {
  /// Sends all that `body` adds and returns, for each statement in its order, the number of rows that it touched.
  ///
  /// The first error ends the pipeline; its `statement` tells which one it was. A transaction that the statements began
  /// is rolled back then. Where the connection is lost, `mayHaveBeenDone` is set.
  package func pipeline(_ body: (inout PostgresPipeline) throws -> Void) throws -> [Int] {
    let handle = try open()
    try handle.begin()
    do {
      try handle.check(PQenterPipelineMode(handle.pointer))
      var pipeline = PostgresPipeline(handle)
      let sent = Result { try body(&pipeline) }
      // What was sent is read to its end, also after a failure: only then is the connection of use again.
      try handle.check(PQpipelineSync(handle.pointer))
      try handle.flush()
      let counts = try handle.affectedRows(ofStatements: pipeline.count)
      try handle.check(PQexitPipelineMode(handle.pointer))
      try sent.get()
      return try counts.get()
    } catch var error as PostgresError where error.endsConnection {
      error.mayHaveBeenDone = true
      throw error
    } catch {
      try rollBack()
      throw error
    }
  }
}

extension PostgresHandle {
  /// Reads the results of `count` pipelined statements and of the sync behind them; throws where the connection ends.
  fileprivate func affectedRows(ofStatements count: Int) throws -> Result<[Int], any Error> {
    var counts: [Int] = []
    counts.reserveCapacity(count)
    var failure: (any Error)?
    for statement in 0...count {
      // Every statement has an end mark behind its results; the sync has none.
      while let raw = try nextResult() {
        let status = PQresultStatus(raw)
        do {
          let result = try judge(raw)
          if status != PGRES_PIPELINE_SYNC { counts.append(result.affectedRows) }
        } catch var error as PostgresError where !error.endsConnection {
          error.statement = statement
          failure = failure ?? error
        } catch let error as CancellationError {
          failure = failure ?? error
        }
        if status == PGRES_PIPELINE_SYNC { break }
      }
    }
    return failure.map { .failure($0) } ?? .success(counts)
  }
}
