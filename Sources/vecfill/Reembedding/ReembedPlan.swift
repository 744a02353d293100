import Backfill
import Configuration
import Migrations

/// What the change of a job's columns to another model takes, before anything is changed.
struct ReembedPlan {
  /// The model that each source's column holds now, as the database says, else the job.
  let formerModels: [String]
  let text: String

  /// Throws a `Failure` where a column can't be changed.
  init(
    _ task: ReembedTask, _ sources: [Source], _ target: Reembedding.Target, _ configuration: JobConfiguration
  ) async throws {
    let job = try configuration.job()
    let isWanted = job.indexPolicy == .after
    var (formers, surveys): ([String], [Reembedder.Survey]) = ([], [])
    for source in sources {
      let (survey, fingerprint) = try await task.connected {
        (
          try await $0.survey(source, dimensions: target.dimensions, isIndexWanted: isWanted),
          try await $0.fingerprint(source)
        )
      }
      let (model, dimensions) =
        fingerprint.map { ($0.model, $0.dimensions) } ?? (task.job.model.name, survey.formerDimensions ?? 0)
      guard model != target.model || dimensions != target.dimensions else {
        throw Failure(
          .configuration, "\(source.name).\(source.vector)", "it holds vectors of \(target) already",
          remedy: "name another model with --to; for another text or prefix see docs/change-the-model.md")
      }
      guard survey.away.isEmpty else {
        throw Failure(
          .configuration, source.name, "\(survey.away.joined(separator: ", ")) are away since a load",
          remedy: "`vecfill migrate restore`, then run the same command again")
      }
      formers.append(model)
      surveys.append(survey)
    }
    formerModels = formers
    var estimated = job
    estimated.sources = sources
    for index in estimated.sources.indices { estimated.sources[index].edits = .ignore }
    let report = try await Estimation(configuration: configuration).figuresOfAllRows(estimated)
    let lines = Self.lines(report, surveys, job, formers[0], target)
    let former = Self.words(formers[0], surveys[0].formerDimensions)
    text = "\(task.job.name): from \(former) to \(target)\n" + FigureList(lines, lineWidth: 100).text
  }

  /// A model and its dimensions, as a person reads them; nil where the latter are not known.
  static func words(_ model: String, _ dimensions: Int?) -> String {
    dimensions.map { "\(Reembedding.Target(provider: nil, model: model, dimensions: $0))" } ?? model
  }

  private static func lines(
    _ report: EstimateReport, _ surveys: [Reembedder.Survey], _ job: Job, _ former: String,
    _ target: Reembedding.Target
  ) -> [(String, String)] {
    let figures = report.all
    let rows = figures.rows - figures.overlong
    let present = surveys.flatMap(\.present)
    let indexCount = surveys.map(\.present.count).max() ?? 0
    let estimate = IndexEstimate(
      missing: rows, total: rows, dimensions: target.dimensions, indexes: max(1, indexCount))
    var lines = [
      ("rows to embed", figures.rows.grouped),
      ("rows left out", leftOut(surveys)),
      ("tokens", report.tokens),
      ("cost", report.cost),
      ("time at the limits", report.time),
      (
        "time to write",
        indexCount == 0
          ? "some \(IndexEstimate(missing: rows, total: 0, dimensions: target.dimensions, indexes: 0).keeping.words)"
          : "some \(estimate.keeping.words): each row is entered in \(present.joined(separator: ", ")), too"
            + (job.indexPolicy == .rebuild
              ? "; index: {when: rebuild} drops them for the load, and searches read the whole table until it is over"
              : "; index: {when: rebuild} in the job drops them for the load")
      ),
      ("disk, the new column", figures.vectorBytes.bytes),
    ]
    if let disk = figures.indexBytes, surveys.contains(where: { !$0.planned.isEmpty }) {
      let memory = figures.indexMemoryBytes.map { ", \($0.bytes) of memory to build it" } ?? ""
      lines.append(("disk, its index", disk.bytes + memory))
    }
    lines.append(
      ("disk, row versions", "up to \(surveys.reduce(0) { $0 + $1.bytes }.bytes) until the next VACUUM"))
    for note in surveys.flatMap(\.notes) { lines.append(("note", note)) }
    lines.append(("the application", duties(surveys, former, target)))
    return lines
  }

  /// Rows that would have no vector after the switch, as they don't meet the job's `where`.
  private static func leftOut(_ surveys: [Reembedder.Survey]) -> String {
    let rows = surveys.reduce(0) { $0 + $1.leftOut }
    return rows == 0
      ? "none"
      : "\(rows.grouped) have a vector and don't meet the job's where: it stops before the switch, as they would have none"
  }

  /// What the application must do, and when.
  private static func duties(_ surveys: [Reembedder.Survey], _ former: String, _ target: Reembedding.Target) -> String {
    let isSameLength = surveys.allSatisfy { $0.formerDimensions == target.dimensions }
    let writes =
      isSameLength
      ? "Vectors of \(former) that it writes after the switch are set to NULL and made again, until its sessions say SET vecfill.model = '\(target.model)'."
      : "After the switch PostgreSQL refuses vectors of the old length: let it leave the vectors of new rows NULL around the switch, or ask the database which model the column holds."
    return "Nothing before the switch. At the switch it has to embed its searches with \(target.model). "
      + "\(writes) docs/change-the-model.md has examples."
  }
}

extension Duration {
  /// As a person says it: "12 s", "16 min", "3.5 h".
  fileprivate var words: String {
    switch seconds {
    case ..<120: "\(max(1, Int(seconds.rounded(.up)))) s"
    case ..<7200: "\(Int((seconds / 60).rounded(.up))) min"
    default: "\((seconds / 3600).fixed(1)) h"
    }
  }
}
