/// Why there is no vocabulary to count with: one line, with the file and what to do next.
package enum VocabularyError: Error, Equatable, CustomStringConvertible {
  /// None of these folders holds it.
  case missing([VocabularyFolder])
  /// The prepared file is not what ``VocabularyFolder/install(original:)`` wrote, and the original is not there to replace it.
  case damaged(path: String)
  /// The file is not cl100k_base as OpenAI publishes it.
  case notTheVocabulary(path: String)
  case unreadable(path: String, reason: String)
  case unwritable(path: String, reason: String)

  package var description: String { "\(subject): \(reason); \(remedy)" }

  /// The file, or the folders.
  package var subject: String {
    switch self {
    case .missing(let folders): folders.map(\.path).joined(separator: ", ")
    case .damaged(let path), .notTheVocabulary(let path), .unreadable(let path, _), .unwritable(let path, _): path
    }
  }

  package var reason: String {
    switch self {
    case .missing: "cl100k_base's vocabulary is not installed"
    case .damaged: "is damaged or was prepared by another version of vecfill"
    case .notTheVocabulary: "is not cl100k_base's vocabulary as OpenAI publishes it"
    case .unreadable(_, let reason): "can't be read: \(reason)"
    case .unwritable(_, let reason): "can't be written: \(reason)"
    }
  }

  package var remedy: String {
    switch self {
    case .missing, .damaged, .notTheVocabulary: "run `vecfill tokenizer install`"
    case .unreadable, .unwritable: "check its permissions"
    }
  }
}
