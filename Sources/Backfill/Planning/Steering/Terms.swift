/// What of a job can be changed while it runs.
package struct Terms: Equatable, Sendable {
  /// The ceilings that the job sets itself; those that the provider reports hold as well.
  package var limits: Job.Limits
  package var concurrency: Int
  package var budget: Job.Budget?

  package init(limits: Job.Limits, concurrency: Int, budget: Job.Budget?) {
    self.limits = limits
    self.concurrency = concurrency
    self.budget = budget
  }
}

extension Job {
  package var terms: Terms {
    get { Terms(limits: limits, concurrency: concurrency, budget: budget) }
    set { (limits, concurrency, budget) = (newValue.limits, newValue.concurrency, newValue.budget) }
  }
}
