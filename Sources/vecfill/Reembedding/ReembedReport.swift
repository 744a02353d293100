import Backfill
import Foundation
import Migrations

/// What `vecfill reembed JOB --status` shows.
struct ReembedReport {
  let text: String

  init(_ task: ReembedTask) async throws {
    let columns = try await task.connected { reembedder in
      var columns: [String] = []
      for part in try await task.parts(reembedder) {
        let progress =
          part.reembedding.isHalfDropped ? nil : try await reembedder.progress(part.reembedding, part.source)
        columns.append(Self.text(part.reembedding, progress, task))
      }
      return columns
    }
    text =
      columns.isEmpty ? "no column of the job is being changed to another model" : columns.joined(separator: "\n\n")
  }

  private static func text(
    _ reembedding: Reembedding, _ progress: Reembedder.Progress?, _ task: ReembedTask
  ) -> String {
    var rows = [
      ("from", ReembedPlan.words(reembedding.former, progress?.formerDimensions)), ("to", "\(reembedding.target)"),
      ("step", reembedding.step.words),
    ]
    if let progress {
      let losing = progress.losing > 0 ? ", \(progress.losing.grouped) only one of the old model" : ""
      rows.append(
        ("rows", "\(progress.filled.grouped) of \(progress.rows.grouped) have a vector of the new model\(losing)"))
    }
    if let comparison = reembedding.comparison { rows.append(("compared", comparison)) }
    if let keptUntil = reembedding.keptUntil {
      rows.append(("old column", "\(reembedding.formerColumn), kept until \(keptUntil.formatted(.iso8601))"))
    }
    rows.append(("next", next(reembedding, task)))
    return "\(reembedding.place):\n" + FigureList(rows).text
  }

  private static func next(_ reembedding: Reembedding, _ task: ReembedTask) -> String {
    guard !reembedding.isHalfDropped else {
      return
        "somebody dropped \(reembedding.columnBeside): \(reembedding.isSwitched ? "--finish" : "--abandon") removes "
        + "the triggers that are left"
    }
    return switch reembedding.step {
    case .keep:
      "model: \(reembedding.target.model) and dimensions: \(reembedding.target.dimensions) in the job spec; "
        + "then --finish drops the old column, or --undo changes back"
    case .rest: "\(task.again) fills the rows that came during the switch"
    default: "\(task.again) goes on, --abandon drops the new column"
    }
  }
}
