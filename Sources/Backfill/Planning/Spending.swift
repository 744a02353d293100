/// What a job has spent, and what its requests in flight may still cost (P5).
package struct Spending: Equatable, Sendable {
  /// Dollars that were billed, or that may have been: over all runs of the job.
  package private(set) var spent: Double
  /// The part of it that this run has spent.
  package private(set) var spentByRun: Double = 0
  /// Dollars that requests in flight may cost at most.
  package private(set) var reserved: Double = 0
  /// One below what is spent lets nothing more be spent.
  package var budget: Job.Budget?
  /// By how much a bill was at most above what should have been the most.
  private var excess = 1.0

  package init(spent: Double, budget: Job.Budget?) {
    self.spent = spent
    self.budget = budget
  }

  /// So much is spent by all runs, this one included.
  package mutating func recount(_ spent: Double) {
    self.spent = spent
  }

  /// What is reserved for a request that costs at most `most`, if the provider counts as is thought.
  package func reservation(for most: Double) -> Double { most * excess }

  /// What is spent, and what requests in flight may cost.
  var committed: Double { spent + reserved }
  var committedByRun: Double { spentByRun + reserved }

  package func fits(_ cost: Double) -> Bool {
    budget.map { spent + reserved + cost <= $0.usd } ?? true
  }

  package mutating func reserve(_ cost: Double) {
    reserved += cost
  }

  /// A request that had reserved `reservation` and should have cost at most `most` ended and cost `cost`.
  package mutating func settle(reservation: Double, most: Double, cost: Double) {
    reserved = max(0, reserved - reservation)
    spent += cost
    spentByRun += cost
    if most > 0 { excess = max(excess, cost / most) }
  }
}
