import CPostgres

/// Statements that are sent without waiting for each one's result: one round trip for all of them.
///
/// They form segments, divided by `sync`. The first error of a segment skips the rest of it and nothing behind it.
/// Outside of a BEGIN, a segment is a transaction of its own.
package struct PostgresPipeline {
  private let handle: PostgresHandle
  /// How many statements each segment has; the last one is open.
  fileprivate private(set) var segments = [0]
  private var unflushed = 0

  fileprivate init(_ handle: PostgresHandle) {
    self.handle = handle
  }

  /// Adds one statement, whose rows come in `format`.
  package mutating func add(
    _ sql: String, _ parameters: [PostgresValue] = [], format: PostgresConnection.Format = .text
  ) throws {
    try add(sql, PostgresParameters(parameters), format: format)
  }

  /// Adds one statement, whose rows come in `format`.
  package mutating func add(
    _ sql: String, _ parameters: borrowing PostgresParameters, format: PostgresConnection.Format = .text
  ) throws {
    try handle.check(
      parameters.withPointers { count, types, values, lengths, formats in
        PQsendQueryParams(handle.pointer, sql, count, types, values, lengths, formats, format.rawValue)
      })
    try added(bytes: sql.utf8.count + parameters.byteCount)
  }

  /// Parses a statement for the `addPrepared` calls that follow, up to the next `add`.
  ///
  /// PostgreSQL infers each parameter's type from the statement: an `.integer` needs a bigint there. It is the
  /// connection's unnamed statement, which no pooler can lose within a transaction.
  package mutating func prepare(_ sql: String) throws {
    try handle.check(PQsendPrepare(handle.pointer, "", sql, 0, nil))
    try added(bytes: sql.utf8.count)
  }

  /// Adds the prepared statement with `parameters`.
  package mutating func addPrepared(_ parameters: borrowing PostgresParameters) throws {
    try handle.check(
      parameters.withPointers { count, _, values, lengths, formats in
        PQsendQueryPrepared(handle.pointer, "", count, values, lengths, formats, 0)
      })
    try added(bytes: parameters.byteCount)
  }

  /// Ends the segment: what comes behind is tried whatever became of it.
  package mutating func sync() throws {
    try handle.check(PQpipelineSync(handle.pointer))
    segments.append(0)
  }

  private mutating func added(bytes: Int) throws {
    segments[segments.count - 1] += 1
    unflushed += bytes
    guard unflushed > 256 * 1024 else { return }
    try handle.flush()
    unflushed = 0
  }
}

extension PostgresConnection {
  /// What a segment's statements gave, in their order, or its first error, whose `statement` counts within the segment.
  package typealias Segment = Result<[PostgresResult], PostgresError>

  /// Sends all that `body` adds and returns, for each statement in its order, the number of rows that it touched.
  ///
  /// The first error ends the pipeline; its `statement` says which one it was. A transaction that the statements began
  /// is rolled back then. Where the connection is lost, `mayHaveBeenDone` is set.
  package func pipeline(_ body: (inout PostgresPipeline) throws -> Void) throws -> [Int] {
    try segments(body).flatMap { try $0.get().map(\.affectedRows) }
  }

  /// Sends all that `body` adds and returns what became of each segment.
  ///
  /// A transaction that is still open at the end is rolled back, except `keepsTransaction`, inside of `transaction`. Throws where the connection is lost, with
  /// `mayHaveBeenDone`, or the task is cancelled.
  package func segments(
    keepsTransaction: Bool = false, _ body: (inout PostgresPipeline) throws -> Void
  ) throws -> [Segment] {
    let handle = try open()
    try handle.begin()
    do {
      try handle.check(PQenterPipelineMode(handle.pointer))
      var pipeline = PostgresPipeline(handle)
      let sent = Result { try body(&pipeline) }
      // What was sent is read to its end, also after a failure: only then is the connection of use again.
      try handle.check(PQpipelineSync(handle.pointer))
      try handle.flush()
      let segments = try handle.segments(pipeline.segments)
      try handle.check(PQexitPipelineMode(handle.pointer))
      try sent.get()
      if !keepsTransaction { try rollBack() }
      return try segments.get()
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
  /// Reads the results of the pipelined segments, which have `counts` statements, and of the sync behind each; throws
  /// where the connection ends.
  fileprivate func segments(_ counts: [Int]) throws -> Result<[PostgresConnection.Segment], any Error> {
    var segments: [PostgresConnection.Segment] = []
    segments.reserveCapacity(counts.count)
    var cancellation: CancellationError?
    for count in counts {
      var results: [PostgresResult] = []
      results.reserveCapacity(count)
      var failure: PostgresError?
      // Behind the statements comes the sync, at which a transaction of the segment's own commits.
      for statement in 0...count {
        var isAtEnd = false
        repeat {
          // Every statement has an end mark behind its results; the sync has none.
          while let raw = try nextResult() {
            isAtEnd = PQresultStatus(raw) == PGRES_PIPELINE_SYNC
            do {
              let result = try judge(raw)
              if !isAtEnd { results.append(result) }
            } catch var error as PostgresError where !error.endsConnection {
              error.statement = statement
              failure = failure ?? error
            } catch let error as CancellationError {
              cancellation = error
            }
            if isAtEnd { break }
          }
          if PQstatus(pointer) == CONNECTION_BAD { throw PostgresError(connection: pointer) }
        } while statement == count && !isAtEnd
      }
      segments.append(failure.map { .failure($0) } ?? .success(results))
    }
    return cancellation.map { .failure($0) } ?? .success(segments)
  }
}
