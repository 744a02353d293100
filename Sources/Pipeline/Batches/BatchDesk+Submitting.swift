import Backfill
import Foundation
import Ledger

/// Rows that lack a vector go into files, and the files to the provider.
extension BatchDesk {
  /// Submits as much as the provider, the account's tokens and the budget have room for.
  func submit() async throws {
    let open = try await ledger.openBatches(of: begun.targets)
    var supply = try await RowSupply(
      job: job, store: store, ledger: ledger, targets: begun.targets, packer: linePacker, goesOn: !open.isEmpty)
    while let bounds = try await bounds() {
      guard let file = try await file(&supply, bounds) else { return }
      defer { file.delete() }
      guard try await send(file, supply.places) else { return }
    }
  }

  /// A line holds what a request does, and no more than a file may.
  private var linePacker: Packer {
    Packer(
      preparation: packer.preparation,
      maxInputs: min(packer.maxInputs, provider.limits.inputs, provider.limits.inputsOfLine),
      maxTokens: packer.maxTokens, inputLimit: packer.inputLimit, countsExactly: packer.countsExactly,
      countTokens: packer.countTokens)
  }

  /// What the next file may hold; nil where there is no room for one.
  private func bounds() async throws -> BatchFileSize.Bounds? {
    var bounds = BatchFileSize.Bounds(file: provider.limits)
    if try await ledger.isLastUnread(of: begun.targets) {
      // Else all rows would be paid for again, and again for nothing.
      guard try await ledger.openBatches(of: begun.targets).isEmpty else { return nil }
      bounds.file = provider.limits.ofOneLine
    }
    let limit = EnqueuedLimit(told: terms.enqueuedTokens, refusal: try await ledger.lastOverEnqueued())
    let underWay = try await ledger.tokensUnderWay()
    bounds.isFirst = underWay == 0
    if let most = limit.most(at: time.now()) {
      bounds.tokens = most - underWay
      guard underWay == 0 || underWay < most else { return nil }
    } else if try await ledger.openBatches(of: begun.targets).count >= BatchTerms.mostUnderWay {
      return nil
    }
    if let budget = job.budget?.usd {
      let left = budget - (try await ledger.spent(byJobOf: begun.id))
      guard left > 0 else { return nil }
      bounds.cost = left
    }
    return bounds
  }

  /// A file of the next rows, finished; nil where there are none, or not one line has room.
  private func file(_ supply: inout RowSupply, _ bounds: BatchFileSize.Bounds) async throws -> BatchFile? {
    var file: BatchFile?
    do {
      while true {
        try Task.checkCancellation()
        let places = supply.places
        guard let item = try await supply.next() else { break }
        let line = line(item)
        let bytes = provider.line(line.id.lineName, item.contents.texts)
        guard
          (file?.size ?? BatchFileSize()).admits(
            bytes: bytes.count, inputs: line.inputs, tokens: line.tokens.counted, cost: line.reservation ?? 0,
            within: bounds)
        else {
          supply.giveBack(item, places)
          break
        }
        if file == nil {
          file = try await BatchFile(in: folder, named: "\(filePrefix)\(line.id.lineName).jsonl")
        }
        try await file?.add(line, bytes)
      }
      try await file?.finish()
    } catch {
      file?.delete()
      throw error
    }
    if file == nil { try await ledger.record(supply.places) }
    return file
  }

  private func line(_ item: RowSupply.Item) -> SubmittedLine {
    let number = lastLine.withLock { last in
      last += 1
      return last
    }
    let tokens = LineTokens(item.contents)
    return SubmittedLine(
      id: BatchID(run: begun.id, number: number), target: begun.targets[item.source], rows: item.contents.rows,
      inputs: item.contents.inputs.count, tokens: tokens, fittedRows: item.contents.fittedRows,
      reservation: terms.cost(ofTokens: tokens.most))
  }

  /// Takes a file to the provider; returns whether another one may follow.
  private func send(_ file: BatchFile, _ places: [Int64: SubmittedPlace]) async throws -> Bool {
    let intent = BatchIntent(
      fileName: file.name(ofJob: job.name), nonce: Self.nonce(), job: job.name, madeAt: time.now())
    let id = try await ledger.intend(file.lines, intent, run: begun.id, places: places)
    let rows = Set(file.lines.flatMap { line in line.rows.map(\.key) }).count
    func tell(_ kind: BatchNews.Kind, _ batch: String?, _ message: String) {
      self.tell(BatchNews(kind, SubmittedBatchName(id: batch, file: intent.fileName, rows: rows), message))
    }
    let fileID: String
    do {
      fileID = try await trying { try await provider.upload(file.path, as: intent.fileName) }
    } catch let failure as EmbeddingFailure where failure.kind != .cancelled {
      _ = try await ledger.ended(id, as: .withdrawn, rest: .missing, reason: failure.summary, at: time.now())
      throw failure
    }
    try await ledger.uploaded(id, file: fileID, at: time.now())
    file.delete()
    switch try await ask(intent, file: fileID) {
    case .begun(let batch):
      try await ledger.shown(id, batch, at: time.now())
      tell(
        .submitted, batch.id,
        "submitted with \(rows.of("row")) in \(file.lines.count.of("line")), about \(file.size.tokens.of("token"))")
      return true
    case .unknown(let failure):
      // Perhaps it is shown at once.
      if let batch = try await ledger.openBatches(of: begun.targets).first(where: { $0.id == id }),
        try await found(batch) != nil
      {
        return true
      }
      tell(.unknown, nil, "no answer came to its request (\(failure.summary)): it is looked for before another try")
      return false
    case .refused(let failure):
      // Some say at once, and not by a batch that fails later, that too much is enqueued: less is sent from now on.
      let isHeld = failure.kind.failureClass.reaction == .hold
      _ = try await ledger.ended(
        id, as: isHeld ? .overEnqueued : .refused, rest: .missing, reason: failure.summary, at: time.now())
      await forget(file: fileID)
      // Something else of the account may have to end first.
      guard isHeld, try await ledger.tokensUnderWay() > 0 else { throw failure }
      tell(.refused, nil, "the provider takes no more for now: \(failure.summary)")
      return false
    }
  }

  private enum Asked {
    case begun(ProviderBatch)
    /// It may have begun.
    case unknown(EmbeddingFailure)
    case refused(EmbeddingFailure)
  }

  /// Asks for a batch. Only what is sure to have begun none is tried again.
  private func ask(_ intent: BatchIntent, file: String) async throws -> Asked {
    var tries = 1
    while true {
      do {
        return .begun(try await provider.submit(intent, file: file))
      } catch {
        if error.kind == .cancelled { throw error }
        if error.mayHaveBeenBilled { return .unknown(error) }
        guard let wait = wait(after: error, tries: tries) else { return .refused(error) }
        try await time.sleep(wait)
        tries += 1
      }
    }
  }

  private static func nonce() -> String {
    (0..<16).map { _ in UInt8.random(in: .min ... .max) }.hex
  }
}
