import Backfill

extension Pipeline {
  /// With whom the limits and the budget are shared.
  package struct Sharing: Sendable {
    let allowance: any SharedAllowance
    let member: ShareMember
    /// Is told where nothing could be given back.
    let warn: @Sendable (Failure) -> Void

    package init(
      _ allowance: any SharedAllowance, member: ShareMember, warn: @escaping @Sendable (Failure) -> Void
    ) {
      self.allowance = allowance
      self.member = member
      self.warn = warn
    }
  }

  /// Claims a slice; nil where nothing is shared.
  func claimed(_ ask: ShareAsk) async -> Conductor.Event? {
    guard let sharing else { return nil }
    do {
      return .granted(try await sharing.allowance.claim(ask, by: sharing.member))
    } catch {
      return .claimFailed(failure(error, "share"))
    }
  }

  /// How long a run that was stopped or has failed tries to give back what is left.
  private static let longestRelease: Duration = .seconds(5)

  /// Gives back what is left. Where that fails, the slice lapses by itself, and what was reserved counts as spent.
  func release(_ used: ShareAmount, spent: Double, isComplete: Bool) async {
    guard let sharing else { return }
    let release = Task { try await sharing.allowance.release(used, spent: spent, by: sharing.member) }
    let end = Task {
      try await clock.sleep(for: Self.longestRelease)
      if !isComplete { release.cancel() }
    }
    defer { end.cancel() }
    do {
      try await release.value
    } catch is CancellationError {
      sharing.warn(
        Failure(.unavailable, "share", "the database gave no answer in \(Int(Self.longestRelease / .seconds(1))) s"))
    } catch {
      sharing.warn(failure(error, "share"))
    }
  }
}
