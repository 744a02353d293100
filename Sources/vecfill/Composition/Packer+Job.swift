import Backfill
import Configuration
import Foundation
import Tokenizer

extension Packer {
  /// The packer of a job's pages, for requests that are within the model's limits even where `counter` is wrong.
  init(_ job: Job, model: Model, counter: TokenCounter) {
    let mostTokens = [model.maxRequestTokens, job.limits.tokensPerMinute].compactMap(\.self).min()
    self.init(
      preparation: job.preparation, maxInputs: min(job.batchSize, model.maxInputs ?? .max),
      maxTokens: mostTokens.map { Int(Double($0) / counter.errorBand.upperBound) } ?? .max,
      inputLimit: model.maxInputTokens.map { counter.inputLimit($0, counter.safeCut(job.preparation, model)) },
      countsExactly: counter.isExact
    ) { counter.count($0) }
    mostPieces = max(1, WriteQueue.mostVectorBytes / (4 * model.dimensions))
  }
}

extension TokenCounter {
  fileprivate func inputLimit(_ tokens: Int, _ cut: SafeCut?) -> InputLimit {
    switch self {
    case .exact(let tokenizer): InputLimit(tokens: tokens) { tokenizer.parts(of: $0, limit: $1) }
    case .estimated(let estimator): InputLimit(tokens: tokens, leastTokens: { estimator.leastTokens(in: $0) }, cut: cut)
    }
  }

  /// How long texts are cut where `model`'s tokenizer isn't here; nil where they are cut at its tokens, or not at all.
  func safeCut(_ preparation: TextPreparation, _ model: Model) -> SafeCut? {
    preparation.tooLong == .quarantine || isCl100kBase ? nil : model.safeCut
  }

  /// Refuses a job whose over-long texts could not be cut the same way in every run (P4): nobody knows what the model takes,
  /// or its tokens can be counted on other machines and not here.
  func check(_ job: Job) throws(Failure) {
    try checkPieces(job)
    guard job.preparation.tooLong != .quarantine else { return }
    let wish = "too_long: \(job.preparation.tooLong.rawValue)"
    guard job.model.maxInputTokens != nil else {
      throw Failure(
        .configuration, wish, "can't be done: the most tokens that an input of \(job.model.name) may have are unknown",
        remedy: "set max_input_tokens in a catalogue of your own (--models), or set too_long: quarantine")
    }
    guard isExact || !isCl100kBase else {
      throw Failure(
        .configuration, wish, "can't be done: the tokens of \(job.model.name) can't be counted exactly here",
        remedy: "run vecfill tokenizer install, or set too_long: quarantine")
    }
  }

  /// Refuses pieces that the model may not take, or that have no room beside the prefix.
  private func checkPieces(_ job: Job) throws(Failure) {
    for source in job.sources {
      guard let cutting = source.chunks?.cutting else { continue }
      if let limit = job.model.maxInputTokens {
        // An estimate may be too low.
        let most = Int(Double(limit) / errorBand.upperBound)
        guard cutting.tokens <= most else {
          throw Failure(
            .configuration, "chunks.tokens",
            "\(cutting.tokens) are more than \(job.model.name) takes for sure: \(most)\(isExact ? "" : ", by an estimate")",
            remedy: "set \(most) or fewer")
        }
      }
      let prefix = job.preparation.prefix.isEmpty ? 0 : count(job.preparation.prefix)
      guard prefix + cutting.overlap + Cutting.leastTokens <= cutting.tokens else {
        throw Failure(
          .configuration, "chunks.tokens",
          "\(cutting.tokens) leave no room for a text beside the prefix and the overlap",
          remedy: "set more tokens, or a smaller overlap")
      }
    }
  }

  /// The exact one where the catalogue says that the model's tokenizer is cl100k_base and its vocabulary is installed,
  /// otherwise an estimate.
  init(for model: CatalogueModel?) throws(Failure) {
    let isCl100kBase = model?.tokenizer == .cl100kBase
    guard isCl100kBase, let tokenizer = try TokenCounter.cl100kBase() else {
      self = .estimated(TokenEstimator(standsForCl100kBase: isCl100kBase))
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
