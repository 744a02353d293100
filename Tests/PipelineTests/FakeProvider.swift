import Backfill
import Foundation

/// A provider in memory, with requests and with batches, and the book of what it bills. Everything that goes wrong with the
/// real ones goes wrong with it as it is told.
final class FakeProvider: BatchProvider, Embedder, Sendable {
  struct Line: Sendable {
    let id: String
    let texts: [String]
    var isDone = false
    var isRefused = false
  }

  struct Batch: Sendable {
    let id: String
    let file: String
    let nonce: String
    var lines: [Line]
    let ending: Ending
    var isOver = false
    var looks = 0
    var vainLooks: Int
  }

  struct State: Sendable {
    var faults = Faults()
    var files: [String: [Line]] = [:]
    var batches: [Batch] = []
    /// How often each text was billed.
    var billed: [String: Int] = [:]
    var dollars = 0.0
    var textsByRequest: Set<String> = []
    /// Calls of the batch API so far.
    var calls = 0
    /// The call at which the caller is stopped, before or after it was done; nil for none.
    var stop: (call: Int, isAfter: Bool)?
    var stops = 0
    var count = 0
    /// How many of the faults have happened, by their names.
    var happened: [String: Int] = [:]
  }

  let state = Locked(State())
  let limits: BatchFileLimits
  let dimensions = 4
  /// Dollars for a token by request; in a batch it is half.
  static let price = 1.0

  init(_ limits: BatchFileLimits = BatchFileLimits(bytes: 1 << 20, inputs: 1_000, lines: 100)) {
    self.limits = limits
  }

  var book: State { state.withLock { $0 } }
  func change(_ change: (inout Faults) -> Void) { state.withLock { change(&$0.faults) } }

  static func tokens(_ text: String) -> Int { max(1, text.utf8.count / 4) }

  static func vector(_ text: String) -> [Float] { TextDigest(of: text).bytes.prefix(4).map { Float($0) + 1 } }

  static func isPoison(_ text: String) -> Bool { text.hasPrefix("poison") }

  // MARK: requests

  func embed(_ texts: [String], as role: EmbeddingRole) async throws(EmbeddingFailure) -> EmbeddingReply {
    if let bad = texts.firstIndex(where: Self.isPoison) {
      throw EmbeddingFailure(.badInput, "refused", status: 400, badIndex: bad)
    }
    state.withLock { state in
      state.textsByRequest.formUnion(texts)
      Self.bill(texts, Self.price, &state)
    }
    return reply(texts)
  }

  private static func bill(_ texts: [String], _ price: Double, _ state: inout State) {
    for text in texts {
      state.billed[text, default: 0] += 1
      state.dollars += price * Double(tokens(text))
    }
  }

  private func reply(_ texts: [String], unusable: Int? = nil) -> EmbeddingReply {
    var vectors = Vectors(dimensions: dimensions)
    for text in texts { vectors.append(Self.vector(text)) }
    var reply = EmbeddingReply(vectors: vectors, billedTokens: texts.reduce(0) { $0 + Self.tokens($1) })
    if let unusable, texts.count > 1 {
      for index in stride(from: unusable - 1, to: texts.count - 1, by: unusable) {
        reply.unusable[index] = "not finite"
      }
    }
    return reply
  }

  // MARK: batches

  func line(_ id: String, _ texts: [String]) -> [UInt8] {
    Array(([id] + texts).joined(separator: "\t").utf8) + [0x0A]
  }

  /// Counts a call, and stops the caller where it is to be stopped.
  private func call<Value>(_ body: (inout State) throws(EmbeddingFailure) -> Value) throws(EmbeddingFailure) -> Value {
    let (result, isStopped): (Result<Value, EmbeddingFailure>?, Bool) = state.withLock { state in
      state.calls += 1
      let isHere = state.stop?.call == state.calls
      if isHere { state.stops += 1 }
      if isHere, state.stop?.isAfter == false { return (nil, true) }
      do throws(EmbeddingFailure) {
        return (.success(try body(&state)), isHere)
      } catch {
        return (.failure(error), isHere)
      }
    }
    guard let result, !isStopped else { throw EmbeddingFailure(.cancelled, "stopped", mayHaveBeenBilled: true) }
    return try result.get()
  }

  func upload(_ path: String, as name: String) async throws(EmbeddingFailure) -> String {
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    let lines = text.split(separator: "\n").map { line in
      let parts = line.split(separator: "\t").map(String.init)
      return Line(id: parts[0], texts: Array(parts.dropFirst()))
    }
    return try call { state in
      state.count += 1
      state.files["file-\(state.count)"] = lines
      return "file-\(state.count)"
    }
  }

  func submit(_ intent: BatchIntent, file: String) async throws(EmbeddingFailure) -> ProviderBatch {
    try call { (state) throws(EmbeddingFailure) -> ProviderBatch in
      guard let lines = state.files[file] else { throw EmbeddingFailure(.misconfigured, "no such file", status: 400) }
      if state.faults.deafSubmits > 0 {
        state.faults.deafSubmits -= 1
        state.happened["deaf", default: 0] += 1
        throw EmbeddingFailure(.transient, "the connection was reset", mayHaveBeenBilled: true)
      }
      let open = state.batches.filter { !$0.isOver }.flatMap(\.lines) + lines
      if let most = state.faults.mostTokensAtOnce, Self.tokens(of: open) > most {
        state.happened["held", default: 0] += 1
        throw EmbeddingFailure(.rateLimited, "the rate limit is reached", status: 429)
      }
      let batch = begin(lines, intent, file, &state)
      if state.faults.lostSubmits > 0 {
        state.faults.lostSubmits -= 1
        state.happened["lost", default: 0] += 1
        throw EmbeddingFailure(.transient, "the connection was reset", mayHaveBeenBilled: true)
      }
      return shown(batch, state.faults)
    }
  }

  private static func tokens(of lines: [Line]) -> Int {
    lines.reduce(0) { $0 + $1.texts.reduce(0) { $0 + tokens($1) } }
  }

  /// What a batch will do is billed as it begins.
  private func begin(_ lines: [Line], _ intent: BatchIntent, _ file: String, _ state: inout State) -> Batch {
    state.count += 1
    let open = state.batches.filter { !$0.isOver }.reduce(0) { $0 + Self.tokens(of: $1.lines) }
    var ending = state.faults.endings.count > 1 ? state.faults.endings.removeFirst() : state.faults.endings[0]
    if let most = state.faults.mostTokens, open + Self.tokens(of: lines) > most { ending = .failed }
    var batch = Batch(
      id: "batch-\(state.count)", file: file, nonce: intent.nonce, lines: lines, ending: ending,
      vainLooks: state.faults.lateLooks)
    let done =
      switch ending {
      case .completed: lines.count
      case .expired, .cancelled: lines.count / 2
      case .allFailed, .failed, .nothing: 0
      }
    for index in batch.lines.indices {
      batch.lines[index].isRefused = lines[index].texts.contains(where: Self.isPoison)
      guard index < done, !batch.lines[index].isRefused else { continue }
      batch.lines[index].isDone = true
      Self.bill(lines[index].texts, Self.price / 2, &state)
    }
    state.happened["\(ending)", default: 0] += 1
    state.batches.append(batch)
    return batch
  }

  func find(_ intent: BatchIntent, file: String) async throws(EmbeddingFailure) -> [ProviderBatch] {
    try call { state in
      state.batches.indices.compactMap { index in
        guard state.batches[index].file == file || state.batches[index].nonce == intent.nonce else { return nil }
        guard state.batches[index].vainLooks == 0, !state.faults.forgets else {
          state.batches[index].vainLooks -= 1
          state.happened["late", default: 0] += 1
          return nil
        }
        return shown(state.batches[index], state.faults)
      }
    }
  }

  func batch(_ id: String) async throws(EmbeddingFailure) -> ProviderBatch? {
    try call { state in
      guard !state.faults.forgets, let index = state.batches.firstIndex(where: { $0.id == id }) else {
        state.happened["forgotten", default: 0] += 1
        return nil
      }
      state.batches[index].looks += 1
      state.batches[index].isOver = state.batches[index].isOver || state.batches[index].looks > 1
      var shown = shown(state.batches[index], state.faults)
      if shown.outputFile != nil, state.faults.lateFiles > 0 {
        state.faults.lateFiles -= 1
        shown.outputFile = nil
      }
      return shown
    }
  }

  private func shown(_ batch: Batch, _ faults: Faults) -> ProviderBatch {
    guard batch.isOver else {
      var shown = ProviderBatch(id: batch.id, state: .underWay, told: faults.showsEarly ? "ready" : "in_progress")
      if faults.showsEarly { shown.outputFile = "out-\(batch.id)" }
      return shown
    }
    let state: ProviderBatch.State =
      switch batch.ending {
      case .completed, .allFailed, .nothing: .completed
      case .expired: .expired
      case .cancelled: .cancelled
      case .failed: .failed
      }
    var shown = ProviderBatch(id: batch.id, state: state, told: "\(batch.ending)")
    if batch.ending == .failed {
      let isOver = faults.mostTokens != nil
      shown.error = ProviderBatch.Failed(
        code: isOver ? "token_limit_exceeded" : "invalid", reason: "refused as a whole", isOverEnqueued: isOver)
      return shown
    }
    if !faults.hidesCounts {
      shown.total = batch.lines.count
      shown.completed = batch.lines.count(where: \.isDone)
      shown.failedRequests = batch.lines.count { !$0.isDone }
    }
    if batch.ending == .nothing { return shown }
    if batch.lines.contains(where: \.isDone) { shown.outputFile = "out-\(batch.id)" }
    if batch.lines.contains(where: { !$0.isDone }) { shown.errorFile = "err-\(batch.id)" }
    return shown
  }

  func cancel(_ id: String) async throws(EmbeddingFailure) { try call { _ in } }

  func answers(
    in file: String, count: @escaping @Sendable (String) -> Int?,
    _ body: @escaping @Sendable (BatchAnswer) async throws -> Void
  ) async throws -> Bool {
    let (batch, faults) = try call { state -> (Batch?, Faults) in
      let batch = state.batches.first { file.hasSuffix("-\($0.id)") }
      return (state.faults.losesAnswers ? nil : batch, state.faults)
    }
    guard let batch else { return false }
    // Not in the order of the input.
    var lines = Array(batch.lines.filter { $0.isDone == file.hasPrefix("out") }.reversed())
    var isIllegible = false
    if file.hasPrefix("out"), let odd = nextOdd() {
      switch odd {
      case .page: throw EmbeddingFailure(.brokenReply, "a web page came in place of the file")
      case .empty: return true
      case .half: lines = Array(lines.prefix(lines.count / 2))
      case .gone: return false
      case .strangers:
        try await body(.unknown(line: 1))
        return true
      case .illegible: isIllegible = true
      }
    }
    if faults.sendsTwice { lines += lines.prefix(1) }
    for (number, line) in lines.enumerated() {
      if number == lines.count / 2, isCut() { throw EmbeddingFailure(.transient, "the connection was reset") }
      if faults.sendsForeign, number == 0 { try await body(.unknown(line: 1)) }
      guard count(line.id) != nil else {
        try await body(.unknown(line: number))
        continue
      }
      if line.isDone, isIllegible || number < faults.illegibleLines {
        let failure = EmbeddingFailure(.brokenReply, "the reply can't be used: no JSON", mayHaveBeenBilled: true)
        try await body(.failure(id: line.id, failure))
      } else if line.isDone {
        try await body(.reply(id: line.id, reply(line.texts, unusable: faults.unusable)))
      } else if line.isRefused {
        try await body(.failure(id: line.id, EmbeddingFailure(.badInput, "an input was refused", status: 400)))
      } else if batch.ending == .allFailed {
        try await body(.failure(id: line.id, EmbeddingFailure(.transient, "the server failed", status: 500)))
      } else {
        try await body(.failure(id: line.id, EmbeddingFailure(.cancelled, "the batch ended before it")))
      }
      // A stop in the middle of an answer file.
      try call { _ in }
    }
    return true
  }

  private func nextOdd() -> Odd? {
    state.withLock { state in
      if let odd = state.faults.alwaysOdd { return odd }
      return state.faults.odd.isEmpty ? nil : state.faults.odd.removeFirst()
    }
  }

  private func isCut() -> Bool {
    state.withLock { state in
      guard state.faults.cuts > 0 else { return false }
      state.faults.cuts -= 1
      state.happened["cut", default: 0] += 1
      return true
    }
  }

  func delete(file: String) async throws(EmbeddingFailure) { try call { $0.files[file] = nil } }
}
