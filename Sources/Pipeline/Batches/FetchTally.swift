import Backfill
import Ledger

/// What a pass over a batch's answers has brought.
struct FetchTally: Sendable {
  /// A line that came back without vectors that can be used, and no other try as it is would bring them.
  struct Refusal: Sendable {
    let line: SubmittedLine
    /// Whether it may be billed: its reply can't be read.
    let isLost: Bool
  }

  /// Lines that were answered, and how many rows those are of.
  var answered = 0
  var rows = 0
  /// Lines that were refused and have no end yet, by their names: what becomes of their rows hangs on what else could be read.
  var refusals: [String: Refusal] = [:]
  /// Lines whose rows are asked for one request after the other.
  var refused = 0
  /// Lines whose replies can't be read, as no other of their batch could be.
  var unreadable = 0
  /// Lines whose rows come again.
  var failed = 0
  /// Lines that may have been billed though they brought nothing.
  var possiblyPaid = 0
  /// The batch's lines that the files answer, those among them that had their answer by an earlier look.
  private(set) var read = 0
  /// The same of the output file alone.
  private(set) var readOfOutput = 0
  /// Why a file can't be read; nil where each could.
  var lack: String?
  /// Answers to a line that had one before in the same file.
  var duplicates = 0
  /// Where answers stand that nobody asked for, counted from 1.
  var unknown: [Int] = []
  /// A failure that no other try helps against.
  var stop: EmbeddingFailure?
  /// Why the last line failed.
  var why: String?

  /// Lines that are answered by this look, with vectors or without.
  var ended: Int { answered + refusals.count + failed }

  /// Whether no line brought vectors, and some may be billed.
  var hasOnlyUnreadable: Bool { answered == 0 && refusals.values.contains(where: \.isLost) }

  /// Takes over what a file came to; nil for one that is gone.
  mutating func add(_ pass: FilePass?, isOutput: Bool) {
    guard let pass else {
      lack = "what it brought is gone"
      return
    }
    read += pass.ids.count
    if isOutput { readOfOutput = pass.ids.count }
    duplicates += pass.duplicates
    unknown += pass.unknown
  }

  /// What was seen, in words; without what is zero.
  var words: String {
    var parts = ["\(rows.of("row")) of \(answered.of("line")) fetched"]
    if refused > 0 { parts.append("\(refused.of("line")) refused, whose rows are asked for by requests") }
    if unreadable > 0 { parts.append("\(unreadable.of("line")) that can't be read, whose rows come again") }
    if failed > 0 { parts.append("\(failed.of("line")) not done, whose rows come again") }
    if possiblyPaid > 0 { parts.append("\(possiblyPaid.of("line")) possibly paid without an answer") }
    if duplicates > 0 { parts.append("\(duplicates.of("answer")) came twice, and the second was left") }
    if let first = unknown.first {
      parts.append("\(unknown.count.of("answer")) with an id that nobody asked for, the first in line \(first)")
    }
    if let why { parts.append("the last failure: \(why)") }
    return parts.joined(separator: "; ")
  }

  var isIncomplete: Bool { refused + unreadable + failed + possiblyPaid + duplicates + unknown.count > 0 }
}

extension EmbeddingFailure {
  /// What becomes of a line that failed so, by the same classes as a request.
  var endOfLine: (isRefusal: Bool, isLost: Bool) {
    let isRefusal =
      switch kind.failureClass.reaction {
      case .isolate, .split, .probe: true
      case .retry, .hold, .stop: false
      }
    return (isRefusal, mayHaveBeenBilled)
  }
}
