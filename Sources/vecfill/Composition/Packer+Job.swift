import Backfill
import Configuration
import Foundation
import Tokenizer

extension Packer {
  /// The packer of a job's pages, for requests that are within the model's limits even where `counter` is wrong.
  init(_ job: Job, model: Model, counter: TokenCounter) {
    let maxTokens = model.maxRequestTokens.map { Int(Double($0) / counter.errorBand.upperBound) } ?? .max
    self.init(
      preparation: job.preparation, maxInputs: min(job.batchSize, model.maxInputs ?? .max), maxTokens: maxTokens
    ) { counter.count($0) }
  }
}

extension TokenCounter {
  /// The exact one where the catalogue says that the model's tokenizer is cl100k_base and its vocabulary is installed,
  /// otherwise an estimate.
  init(for model: CatalogueModel?) throws(Failure) {
    guard model?.tokenizer == .cl100kBase, let tokenizer = try TokenCounter.cl100kBase() else {
      self = .estimated(TokenEstimator())
      return
    }
    self = .exact(tokenizer)
  }

  /// nil where the vocabulary is not installed.
  private static func cl100kBase() throws(Failure) -> Cl100kBase? {
    do {
      return try Cl100kBase(from: VocabularyFolder.searched(ProcessInfo.processInfo.environment))
    } catch .missing {
      return nil
    } catch {
      throw Failure(error)
    }
  }
}
