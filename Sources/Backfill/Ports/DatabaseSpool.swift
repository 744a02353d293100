/// The replies that were received and aren't in their rows yet, in the database of the rows: for `spool: database`.
///
/// It is of the columns that one run fills. The caller has their claims, so what is there is of runs that have ended, or its
/// own. All errors are `Failure`s that hold no text and no secret, except for a `CancellationError`.
package protocol DatabaseSpool: Sendable {
  /// Adds a reply. Durable when it returns; one that is there already stays as it is.
  ///
  /// Once the task is cancelled it is waited for one more second, and then a `CancellationError` is thrown.
  func put(_ entry: SpoolEntry) async throws

  /// What is there of the columns, the oldest first.
  ///
  /// Throws a `Failure` with `.configuration` where the run is of a shard, and replies to a run of the whole column wait.
  func heads() async throws -> [SpoolEntry.Head]

  /// One entry as it stands there, unchecked; nil where it is gone.
  func entry(_ id: SpoolEntry.ID) async throws -> SpoolEntry?

  /// Removes entries whose rows are written. A crash may undo it: the next run then finds their rows filled.
  func remove(_ ids: [SpoolEntry.ID]) async throws

  /// Closes the connection.
  func close() async
}
