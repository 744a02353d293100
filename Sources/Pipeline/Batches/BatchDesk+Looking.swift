import Backfill
import Foundation
import Ledger

/// What has become of the batches of earlier runs.
extension BatchDesk {
  typealias Collect = @Sendable (Conductor.Event) -> Void

  /// Looks at a batch that has not ended, and takes what it has brought. Returns what has to end the run, once the others
  /// were looked at too.
  func look(at batch: SubmittedBatch, _ collect: @escaping Collect) async throws -> Failure? {
    switch batch.state {
    case .intended:
      // The file's id is durable before a batch of it is asked for: none was.
      _ = try await ledger.ended(batch.id, as: .withdrawn, rest: .missing, reason: nil, at: time.now())
      return nil
    case .uploaded:
      guard let shown = try await found(batch) else { return try await missed(batch, collect) }
      return try await follow(batch, shown, collect)
    case .submitted:
      guard let id = batch.batchID, let shown = try await trying({ try await provider.batch(id) }) else {
        return try await missed(batch, collect)
      }
      try await ledger.shown(batch.id, shown, at: time.now())
      return try await follow(batch, shown, collect)
    case .fetched, .unread, .refused, .overEnqueued, .withdrawn, .lost:
      return nil
    }
  }

  /// The batch whose answer was lost, in the provider's list; nil where it isn't there. It is durable then.
  func found(_ batch: SubmittedBatch) async throws -> ProviderBatch? {
    guard let file = batch.fileID else { return nil }
    let all = try await trying { try await provider.find(batch.intent, file: file) }
    guard let first = all.min(by: { ($0.rank, $0.createdAt ?? .distantPast) < ($1.rank, $1.createdAt ?? .distantPast) })
    else { return nil }
    try await ledger.shown(batch.id, first, at: time.now())
    for other in all where other.id != first.id && other.state == .underWay {
      try await trying { try await provider.cancel(other.id) }
    }
    let others = all.count > 1 ? "; \(all.count - 1) more of the same file were begun, and may be billed too" : ""
    tell(.found, batch, id: first.id, "the answer to its request was lost, and it is in the provider's list\(others)")
    return first
  }

  /// The provider doesn't show it. Its list may be late, so that is believed only after some looks over some minutes.
  private func missed(_ batch: SubmittedBatch, _ collect: @escaping Collect) async throws -> Failure? {
    let looks = try await ledger.notShown(batch.id)
    guard BatchSearch.isOver(looks: looks, since: batch.shownAt, at: time.now()) else {
      tell(.unknown, batch, "the provider doesn't show it, at look \(looks); its rows are held until that is sure")
      return nil
    }
    if batch.state == .uploaded, let file = batch.fileID {
      // Without its file a batch that comes late after all can't begin.
      try await trying { try await provider.delete(file: file) }
      if let late = try await found(batch) { return try await follow(batch, late, collect) }
    }
    if batch.outputFile != nil || batch.errorFile != nil {
      var last = ProviderBatch(id: batch.batchID ?? "", state: .completed, told: "not shown any more")
      (last.outputFile, last.errorFile) = (batch.outputFile, batch.errorFile)
      return try await fetch(batch, last, collect)
    }
    let reason = "the provider doesn't show it after \(looks) looks"
    let rest = try await ledger.ended(batch.id, as: .lost, rest: .lost, reason: reason, at: time.now())
    tell(
      .lost, batch,
      "\(reason): \(rest.rows.of("row")) to be asked for again, \(rest.lines.of("line")) possibly paid")
    return nil
  }

  private func follow(_ batch: SubmittedBatch, _ shown: ProviderBatch, _ collect: @escaping Collect) async throws
    -> Failure?
  {
    switch shown.state {
    case .underWay:
      if batch.isExpiring(at: time.now()) {
        tell(
          .expiring, batch, id: shown.id,
          "it is under way since \(BatchTerms.daysUntilWarning) days and more; after \(BatchTerms.daysKept) days the "
            + "provider deletes what it brings")
      }
      if shown.hasOutput {
        tell(
          .unknown, batch, id: shown.id,
          "it shows a file of answers, and its state \(shown.told) is none that says it has ended: it is fetched once its "
            + "state or its counts say so")
      }
      return nil
    case .completed, .expired, .cancelled: return try await fetch(batch, shown, collect)
    case .failed:
      if shown.hasOutput { return try await fetch(batch, shown, collect) }
      return try await refused(batch, shown)
    }
  }

  /// It was refused as a whole, and nothing of it is billed.
  private func refused(_ batch: SubmittedBatch, _ shown: ProviderBatch) async throws -> Failure? {
    let isOver = shown.error?.isOverEnqueued == true
    let reason = [shown.error?.reason, shown.error?.code.map { "(code \($0))" }].compactMap(\.self)
      .joined(separator: " ")
    let said = reason.isEmpty ? "no reason was told" : reason
    let rest = try await ledger.ended(
      batch.id, as: isOver ? .overEnqueued : .refused, rest: .missing, reason: said, at: time.now())
    await forget(file: batch.fileID)
    tell(
      .refused, batch, id: shown.id,
      "the provider refused it, with \(rest.rows.of("row")) to be asked for again: \(said)")
    // Less than a line can't be sent.
    guard !isOver || batch.lines == 1 && batch.tokensUnderWay <= batch.tokens else { return nil }
    return Failure(
      .unavailable, job.model.provider, "it refused a batch: \(said)",
      remedy: "mend that, or run without batch mode, and run the same command again")
  }

  /// The file of requests holds texts: it is deleted as soon as nobody needs it. Where that fails, it goes by itself after
  /// some time.
  func forget(file: String?) async {
    guard let file else { return }
    do { try await provider.delete(file: file) } catch { return }
  }
}

extension ProviderBatch {
  /// Which of several of the same file is gone on with: the one that is furthest.
  fileprivate var rank: Int {
    switch state {
    case .completed: 0
    case .underWay: 1
    case .expired, .cancelled: 2
    case .failed: 3
    }
  }

  /// The files that it has brought.
  var files: [String] { [outputFile, errorFile].compactMap(\.self).filter { !$0.isEmpty } }

  fileprivate var hasOutput: Bool { !files.isEmpty }
}
