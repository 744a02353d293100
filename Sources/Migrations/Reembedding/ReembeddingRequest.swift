import Backfill
import Foundation

/// What a person asks of a reembedding.
package enum ReembeddingRequest: Equatable, Sendable {
  /// To begin it or go on with it; nil for the target that is recorded.
  case goOn(to: Reembedding.Target?)
  /// To change the names back.
  case undo
  /// To drop the new column.
  case abandon
  /// To drop the former column.
  case finish(isConsented: Bool)
}

extension Reembedding {
  /// Throws a `Failure` with a remedy where the request doesn't fit how far it is.
  package func admit(_ request: ReembeddingRequest, at now: Date) throws(Failure) {
    if isHalfDropped {
      switch (request, isSwitched) {
      case (.abandon, false), (.finish, true): return
      default:
        throw refusal(
          "somebody dropped its column \(columnBeside), and triggers of the change are still there",
          "remove what is left with \(isSwitched ? "--finish" : "--abandon")")
      }
    }
    switch request {
    case .goOn(let target):
      guard let target, target != self.target else { return }
      throw refusal(
        "it is being changed to \(self.target) by job \(job)",
        isSwitched
          ? "finish that (--finish) or undo it (--undo), then begin the next"
          : "go on with that, or drop it with --abandon, then begin the next")
    case .undo:
      guard !isSwitched else { return }
      throw refusal("it is not switched, so there is nothing to undo", "drop the new column with --abandon")
    case .abandon:
      guard isSwitched else { return }
      throw refusal(
        "it is switched to \(target), and the application reads the new vectors",
        "change back with --undo first, or drop the old column with --finish")
    case .finish(let isConsented):
      guard isSwitched, let keptUntil else {
        throw refusal("it is not switched yet", "go on: `vecfill reembed JOB`")
      }
      guard step == .keep else {
        throw refusal("rows that came before the switch may lack their vector", "go on first: `vecfill reembed JOB`")
      }
      guard now >= keptUntil || isConsented else {
        throw refusal(
          "its old column \(formerColumn) is kept until \(keptUntil.formatted(.iso8601)), and nothing brings it back",
          "wait until then, or add --yes")
      }
    }
  }

  private func refusal(_ reason: String, _ remedy: String) -> Failure {
    Failure(.configuration, place, reason, remedy: remedy)
  }
}

extension Reembedding.Target: CustomStringConvertible {
  package var description: String { "\(model), \(dimensions) dimensions" }
}
