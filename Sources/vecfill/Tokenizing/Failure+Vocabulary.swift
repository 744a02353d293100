import Backfill
import Tokenizer

extension Failure {
  init(_ error: VocabularyError) {
    let exitCode: ExitCode =
      switch error {
      case .missing, .damaged: .configuration
      case .notTheVocabulary: .badData
      case .unreadable, .unwritable: .localIO
      }
    self.init(exitCode, error.subject, error.reason, remedy: error.remedy)
  }
}
