import Backfill
import Configuration
import Tokenizer

/// What becomes of texts that are too long in a job, and whether a run can do so here.
struct TooLongFindings {
  let configuration: JobConfiguration
  let job: Job

  var all: [Finding] {
    do {
      let counter = try TokenCounter(for: configuration.catalogueModel)
      try counter.check(job)
      return [job.cutting.map { .ok("too_long", $0) } ?? counted(counter)].compactMap(\.self)
    } catch {
      return [.failed("too_long", error)]
    }
  }

  private func counted(_ counter: TokenCounter) -> Finding? {
    guard let most = job.model.maxInputTokens else { return nil }
    let rule = "too_long: \(job.preparation.tooLong.rawValue)"
    return .ok(
      "too_long",
      counter.isExact
        ? "\(rule): texts of more than \(most.grouped) tokens, counted exactly"
        : "\(rule): a text of more than \(most.grouped) tokens may be sent, since they can't be counted here, and the "
          + "provider decides")
  }

  /// Whether a run sends no text that may be longer than the model takes.
  static func keepsToLimit(_ configuration: JobConfiguration, _ job: Job) -> Bool {
    job.preparation.mostBytes != nil || (try? TokenCounter(for: configuration.catalogueModel))?.isExact == true
  }
}
