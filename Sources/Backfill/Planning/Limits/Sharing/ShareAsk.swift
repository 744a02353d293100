/// What a process tells its pool and asks of it, in one claim. All values are absolute, so that a claim whose answer was
/// lost can be made again.
package struct ShareAsk: Equatable, Sendable {
  /// Sent so far by this process, in this round.
  package var used = ShareAmount()
  /// What the next request takes; zero where there is none to send.
  package var next = ShareAmount()
  /// The limits a minute that hold for this process just now, its job's part of them.
  package var limits = Job.Limits()
  /// For how long the provider has asked to send nothing.
  package var heldFor: Duration = .zero
  package var dollars = Dollars()

  /// The money of the one who asks, of this round alone.
  package struct Dollars: Equatable, Sendable {
    package var spent = 0.0
    /// For requests in flight.
    package var reserved = 0.0
    /// Up to where spending may go until the answer is there.
    package var kept = 0.0
    /// Up to where spending has to go for the next request, and up to where the whole slice may bring it.
    package var least = 0.0
    package var wanted = 0.0
    /// nil where the job has none.
    package var budget: Double?

    package init() {}

    /// Up to where spending may go from now on, which all others' budgets count as gone.
    ///
    /// - Parameter others: what all others have spent and reserved.
    package func committed(besides others: Double) -> Double {
      let room = budget.map { $0 - others } ?? .infinity
      return room >= least ? max(min(wanted, room), kept) : max(kept, spent + reserved)
    }
  }

  package init() {}
}
