/// What a job has spent, and what its requests in flight may still cost (P5).
package struct Spending: Equatable, Sendable {
  /// Dollars that were billed, or that may have been: over all runs of the job.
  package private(set) var spent: Double
  /// Dollars that requests in flight may cost at most.
  package private(set) var reserved: Double = 0
  package let budget: Job.Budget?

  package init(spent: Double, budget: Job.Budget?) {
    self.spent = spent
    self.budget = budget
  }

  package func fits(_ cost: Double) -> Bool {
    budget.map { spent + reserved + cost <= $0.usd } ?? true
  }

  package mutating func reserve(_ cost: Double) {
    reserved += cost
  }

  /// A request that had reserved `reservation` ended and cost `cost`.
  package mutating func settle(reservation: Double, cost: Double) {
    reserved = max(0, reserved - reservation)
    spent += cost
  }
}
