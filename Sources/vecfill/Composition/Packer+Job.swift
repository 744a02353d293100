import Backfill

extension Packer {
  /// The packer of a job's pages.
  init(_ job: Job) {
    self.init(
      preparation: job.preparation, maxInputs: min(job.batchSize, job.model.maxInputs ?? .max),
      maxTokens: job.model.maxRequestTokens ?? .max
    ) { $0.utf8.count }
  }
}
