import Foundation

/// A provider's batch API: files of requests that are answered within hours, for less.
///
/// Nothing is retried here: what to do with a failure is the caller's decision. No call keeps a file in memory. All
/// calls end at once, with an `EmbeddingFailure` of kind `.cancelled`, when the task is cancelled.
package protocol BatchProvider: Sendable {
  /// What one file may hold.
  var limits: BatchFileLimits { get }

  /// One line of an input file, with its line break: `texts`, of which none is empty and which are no more than
  /// `limits` has for a line, under an id that its answer has again.
  func line(_ id: String, _ texts: [String]) -> [UInt8]

  /// Uploads the file at `path` under `name`; returns the provider's id of it. This costs nothing, and may be done again.
  func upload(_ path: String, as name: String) async throws(EmbeddingFailure) -> String

  /// Asks for a batch of the uploaded file. A call that failed with `mayHaveBeenBilled` may have begun one:
  /// `find` shows it.
  func submit(_ intent: BatchIntent, file: String) async throws(EmbeddingFailure) -> ProviderBatch

  /// The batches that the provider lists for this intent, by the uploaded file's id or the nonce. There can be more than
  /// one where it was asked for twice.
  func find(_ intent: BatchIntent, file: String) async throws(EmbeddingFailure) -> [ProviderBatch]

  /// The batch as it is now; nil where the provider says that it knows none of this id.
  func batch(_ id: String) async throws(EmbeddingFailure) -> ProviderBatch?

  /// Asks to end the batch early. What was done until then is billed, and its output is there when it has ended.
  func cancel(_ id: String) async throws(EmbeddingFailure)

  /// Hands over the answers of an output file or an error file one by one, in the file's order, which is not that of the
  /// input. `count` gives the number of texts of the line with this id, nil for an id that isn't known: its answer is handed
  /// over as `.unknown`. Returns false where the provider says that the file is gone. Fails where the file has lines, and
  /// none of them is of an id that is known: with what an error in its place says, or else as a broken reply.
  func answers(
    in file: String, count: @escaping @Sendable (String) -> Int?,
    _ body: @escaping @Sendable (BatchAnswer) async throws -> Void
  ) async throws -> Bool

  /// Deletes an uploaded file or an output; does nothing where it is gone.
  func delete(file: String) async throws(EmbeddingFailure)
}

/// What a provider takes in one file.
package struct BatchFileLimits: Equatable, Sendable {
  package let bytes: Int
  /// Inputs over all lines.
  package let inputs: Int
  package let lines: Int
  /// Inputs of one line. The default is as many as a request may have.
  package let inputsOfLine: Int

  package init(bytes: Int, inputs: Int, lines: Int, inputsOfLine: Int = .max) {
    self.bytes = bytes
    self.inputs = inputs
    self.lines = lines
    self.inputsOfLine = inputsOfLine
  }

  /// The same for a file of one line.
  package var ofOneLine: BatchFileLimits {
    BatchFileLimits(bytes: bytes, inputs: inputs, lines: 1, inputsOfLine: inputsOfLine)
  }
}

/// What is durable before a batch is asked for, and by which it is found again.
package struct BatchIntent: Equatable, Sendable, Codable {
  /// The name of the input file, made from a digest of what is in it, e.g. "vecfill-articles-3f9a0c….jsonl".
  package let fileName: String
  /// Random, of 32 hexadecimal digits.
  package let nonce: String
  package let job: String
  package let madeAt: Date

  package init(fileName: String, nonce: String, job: String, madeAt: Date) {
    self.fileName = fileName
    self.nonce = nonce
    self.job = job
    self.madeAt = madeAt
  }
}

/// A batch as its provider shows it.
package struct ProviderBatch: Equatable, Sendable {
  package enum State: String, Sendable, Codable, CaseIterable {
    /// Validating, queued, running, finalizing or being cancelled: it goes on.
    case underWay
    case completed
    /// It was refused as a whole, and nothing was billed.
    case failed
    /// It ended early, and what was done is billed.
    case expired
    case cancelled
  }

  package let id: String
  package var state: State
  /// What the provider calls its state, e.g. "in_progress".
  package var told: String
  /// Nil where there is none, as where every request failed.
  package var outputFile: String?
  package var errorFile: String?
  /// Requests, not inputs; nil where not told.
  package var total: Int?
  package var completed: Int?
  package var failedRequests: Int?
  /// Why it failed as a whole, on one line without texts, with the provider's code.
  package var error: Failed?
  package var createdAt: Date?

  package struct Failed: Equatable, Sendable {
    package let code: String?
    package let reason: String
    /// Whether more is enqueued than the account may have: it passes when other batches have ended, or in smaller files.
    package let isOverEnqueued: Bool

    package init(code: String?, reason: String, isOverEnqueued: Bool) {
      self.code = code
      self.reason = reason
      self.isOverEnqueued = isOverEnqueued
    }
  }

  package init(id: String, state: State, told: String) {
    self.id = id
    self.state = state
    self.told = told
  }
}

/// What a file of answers says to one line of the input.
package enum BatchAnswer: Sendable {
  /// The checked vectors of the line's texts.
  case reply(id: String, EmbeddingReply)
  /// The line was not embedded. It was billed only where `mayHaveBeenBilled` says so; of kind `.cancelled` where the batch
  /// ended before it.
  case failure(id: String, EmbeddingFailure)
  /// A line without an id or with one that nobody asked for, or none that can be read: how it begins is not kept.
  case unknown(line: Int)
}
