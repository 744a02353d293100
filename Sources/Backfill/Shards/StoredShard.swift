/// A shard of one table, as a plan in the database has it.
package struct StoredShard: Equatable, Sendable {
  /// Counted from 0.
  package let number: Int
  /// How many shards the plan has.
  package let count: Int
  package let range: ShardRange
  /// The rows that lacked a vector in it when it was planned.
  package let rows: Int
  package let work: ShardWork
  /// When the plan was made, in microseconds since 1970: no two plans of a table have the same.
  package let plan: String
  /// When a run first worked on it, and when one ended with nothing left of it, in UTC; nil for never.
  package let begun: String?
  package let done: String?
  /// The process that worked on it last, as it called itself.
  package let worker: String?

  package init(
    number: Int, count: Int, range: ShardRange, rows: Int, work: ShardWork, plan: String, begun: String?, done: String?,
    worker: String?
  ) {
    self.number = number
    self.count = count
    self.range = range
    self.rows = rows
    self.work = work
    self.plan = plan
    self.begun = begun
    self.done = done
    self.worker = worker
  }
}
