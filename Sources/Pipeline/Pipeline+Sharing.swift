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

  /// Gives back what is left. Where that fails, the slice lapses by itself, and what was reserved is free again with the
  /// next run of this ledger.
  func release(_ used: ShareAmount, spent: Double) async {
    guard let sharing else { return }
    do {
      try await sharing.allowance.release(used, spent: spent, by: sharing.member)
    } catch {
      sharing.warn(failure(error, "share"))
    }
  }
}
