import Backfill
import Foundation

extension EmbeddingsServer {
  /// The files and batches that the server keeps.
  struct BatchDesk: Sendable {
    struct File: Sendable {
      let id: String
      let name: String
      /// An upload's content; nil for a file of answers.
      var content: Data?
      var answers: [Answer] = []
      let createdAt: Int
    }

    /// A line of an input file with what becomes of it.
    struct Answer: Sendable {
      enum Outcome: Sendable {
        case vectors(Order, Distortion?)
        case refused(Response)
        /// It was never done, by this code.
        case undone(String)
        case garbage
      }

      /// Nil for a line without it.
      var id: JSONValue?
      var outcome: Outcome
      let dialect: BatchDialect

      var texts: [String] { if case .vectors(let order, _) = outcome { order.texts } else { [] } }
    }

    struct Batch: Sendable {
      let id: String
      let dialect: BatchDialect
      let inputFile: String
      /// In Gemini's dialect the display name.
      let metadata: JSONValue
      let createdAt: Int
      var lines: [Answer] = []
      var ending = BatchScript.Ending.completed
      var looks = 0
      var lists = 0
      var status = "validating"
      var outputFile: String?
      var errorFile: String?
      var isForeign = false

      var hasEnded: Bool { ["completed", "failed", "expired", "cancelled"].contains(status) }
      var inputs: Int { lines.reduce(0) { $0 + $1.texts.count } }
    }

    var script = BatchScript()
    var log = BatchLog()
    var files: [String: File] = [:]
    /// Uploads that were announced, by their ids, with the name and the size.
    var announced: [String: (name: String, size: Int)] = [:]
    /// The oldest first.
    var batches: [Batch] = []
    private var count = 0

    mutating func nextID(_ kind: String) -> String {
      count += 1
      let digits = String(count, radix: 16)
      let number = String(repeating: "0", count: 24 - digits.count) + digits
      return "\(kind)\(number)"
    }

    /// The time as the API tells it.
    static var now: Int { Int(Date().timeIntervalSince1970) }

    /// Whether one of so many things still happens, each of which is counted off.
    mutating func takes(_ left: WritableKeyPath<BatchScript, Int>) -> Bool {
      guard script[keyPath: left] > 0 else { return false }
      script[keyPath: left] -= 1
      return true
    }

    mutating func nextEnding() -> BatchScript.Ending {
      script.endings.count > 1 ? script.endings.removeFirst() : script.endings.first ?? .completed
    }

    /// Keeps an upload; also returns whether the reply is lost.
    mutating func keep(_ name: String, _ content: Data) -> (file: File, isLost: Bool) {
      let file = File(id: nextID("file-"), name: name, content: content, createdAt: Self.now)
      files[file.id] = file
      log.uploads += 1
      let isLost = takes(\.lostUploads)
      if isLost { log.lostReplies += 1 }
      return (file, isLost)
    }

    /// The batches that a list shows, the newest first.
    ///
    /// - Parameter isFirst: whether the list's first page is asked for.
    mutating func listed(_ dialect: BatchDialect, isFirst: Bool) -> [Batch] {
      var shown: [Batch] = []
      for index in batches.indices.reversed() where batches[index].dialect == dialect {
        if isFirst { batches[index].lists += 1 }
        let isYoung = batches[index].lists <= script.listsBeforeShown
        if !batches[index].isForeign, isYoung || script.listForgets {
          if isFirst { log.listsWithout += 1 }
        } else {
          shown.append(batches[index])
        }
      }
      return shown
    }

    /// Takes a look at a batch, which may end by it.
    mutating func look(at index: Int) {
      guard !batches[index].hasEnded else { return }
      if batches[index].status == "cancelling" { return end(index, as: "cancelled") }
      batches[index].looks += 1
      let looks = batches[index].looks
      guard looks > script.progress.count else {
        batches[index].status = script.progress[looks - 1]
        return
      }
      switch batches[index].ending {
      case .completed, .allFailed: end(index, as: "completed")
      case .failed: batches[index].status = "failed"
      case .expired: end(index, as: "expired")
      }
    }

    /// Makes the files of answers.
    private mutating func end(_ index: Int, as status: String) {
      batches[index].status = status
      let lines = batches[index].lines
      if batches[index].dialect == .gemini {
        // One file has all; of what was not done in time there is no line.
        let told = status == "expired" ? lines.filter { !$0.texts.isEmpty } : lines
        batches[index].outputFile = file(of: told, "output", isFlawed: true)
        return
      }
      batches[index].outputFile = file(of: lines.filter { !$0.texts.isEmpty }, "output", isFlawed: true)
      batches[index].errorFile = file(of: lines.filter(\.texts.isEmpty), "error", isFlawed: false)
    }

    private mutating func file(of answers: [Answer], _ kind: String, isFlawed: Bool) -> String? {
      guard let first = answers.first else { return nil }
      var answers = answers
      if isFlawed, !script.flaws.isEmpty {
        log.flawed += 1
        let spare = Answer(id: .string("nobody-asked"), outcome: first.outcome, dialect: first.dialect)
        if script.flaws.contains(.nullID) { answers[0].id = .null }
        if script.flaws.contains(.missingID) { answers[0].id = nil }
        if script.flaws.contains(.duplicate) { answers.append(first) }
        if script.flaws.contains(.unknownID) { answers.insert(spare, at: answers.count / 2) }
        if script.flaws.contains(.garbage) {
          answers.insert(Answer(id: nil, outcome: .garbage, dialect: first.dialect), at: answers.count / 2)
        }
        if script.flaws.contains(.reversed) { answers.reverse() }
      }
      let id = nextID("file-")
      files[id] = File(id: id, name: "\(kind).jsonl", answers: answers, createdAt: Self.now)
      return id
    }
  }
}
