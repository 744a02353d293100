import Backfill
import Foundation
import GRDB
import Ledger
import TestSupport
import Testing

/// What the ledger holds of requests, replies and rows.
extension LedgerTests {
  @Test func `a received batch survives its process and is told to the next run, vectors and all`() async throws {
    let first = try Ledger.open(at: path)
    let run = try await first.begin(Self.job, on: "db", at: Date())
    let batch = batch(1, of: run.id)
    try await first.requested(batch, target: run.targets[0], reservation: 1)
    try await first.received(reply(), to: batch, target: 1, cost: 0.14, at: Date())

    let second = try Ledger.open(at: path)
    let next = try await second.begin(Self.job, on: "db", at: Date())
    #expect(next.spooled == [Conductor.Spooled(id: batch.id, source: 0, rows: 2)])
    #expect(next.possiblyPaid == 0)
    #expect(next.spent == 0.14)
    let spooled = try await second.spooled(batch.id)
    let rows = spooled.rows.embedded(by: spooled.vectors)
    #expect(rows == batch.contents.rows.embedded(by: reply().vectors))
  }

  @Test(arguments: [false, true])
  func `a receipt says where only their order told whose the vectors are`(isPlacedByOrder: Bool) async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let batch = batch(1, of: run.id)
    try await ledger.requested(batch, target: run.targets[0], reservation: nil)
    var reply = reply()
    reply.isPlacedByOrder = isPlacedByOrder
    try await ledger.received(reply, to: batch, target: 1, cost: nil, at: Date())
    let told = try await DatabaseQueue.patient(path).read {
      try Bool.fetchAll($0, sql: "SELECT is_placed_by_order FROM receipt")
    }
    #expect(told == [isPlacedByOrder])
  }

  @Test func `a request without a reply counts as possibly paid, once, at the most that it can cost`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    try await ledger.requested(batch(1, of: run.id), target: run.targets[0], reservation: 0.5)
    let next = try await ledger.begin(Self.job, on: "db", at: Date())
    #expect(next.possiblyPaid == 1)
    #expect(next.spooled.isEmpty)
    #expect(next.spent == 0.5)
    let third = try await ledger.begin(Self.job, on: "db", at: Date())
    #expect(third.possiblyPaid == 0)
    #expect(third.spent == 0.5)
  }

  @Test(arguments: [true, false]) func `a failed request counts as possibly paid only if it may have been billed`(
    mayHaveBeenBilled: Bool
  ) async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let batch = batch(1, of: run.id)
    try await ledger.requested(batch, target: run.targets[0], reservation: 0.5)
    try await ledger.failed(batch, EmbeddingFailure(.transient, "reset", mayHaveBeenBilled: mayHaveBeenBilled))
    let status = try #require(await ledger.jobs().first)
    #expect(status.totals.possiblyPaid == (mayHaveBeenBilled ? 1 : 0))
    #expect(status.totals.openRequests == 0)
    let next = try await ledger.begin(Self.job, on: "db", at: Date())
    #expect(next.possiblyPaid == 0)
    #expect(next.spent == (mayHaveBeenBilled ? 0.5 : 0))
  }

  @Test func `settling keeps the vectors as written and moves the watermark of its source alone`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let batch = batch(1, of: run.id)
    try await ledger.requested(batch, target: run.targets[0], reservation: nil)
    try await ledger.received(reply(), to: batch, target: 1, cost: nil, at: Date())
    let settlement = Settlement(batches: [batch.id], watermarks: [.init(source: 0, key: .text("ключ'"))])
    try await ledger.settle(settlement, run: run.id, targets: run.targets, at: Date())
    let next = try await ledger.begin(Self.job, on: "db", at: Date())
    #expect(next.spooled.isEmpty)
    #expect(next.watermarks == [.text("ключ'"), nil])
    let kept = try await ledger.kept(of: run.targets[0])
    #expect(kept[.integer(0)] == KeptRow(batch: batch.id, digest: TextDigest(of: "text 0")))
    #expect(try await ledger.kept(of: run.targets[1]).isEmpty)
    await #expect(throws: Failure.self) { try await ledger.spooled(BatchID(run: run.id, number: 9)) }
  }

  @Test func `of the vectors that were written only the last ones are kept`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    // 16 MiB a batch.
    let vectors = Vectors(dimensions: 1 << 21, values: [Float](repeating: 1, count: 1 << 22))
    for number in 1...6 {
      let row = BatchRow(key: .integer(Int64(number)), digest: TextDigest(of: "text"), input: 0)
      let inputs = [Input(texts: ["a"], tokens: [1], isExact: true), Input(texts: ["b"], tokens: [1], isExact: true)]
      let batch = Batch(
        id: BatchID(run: run.id, number: number), source: 0, page: 1,
        contents: Batch.Contents(inputs: inputs, rows: [row]))
      try await ledger.requested(batch, target: run.targets[0], reservation: nil)
      try await ledger.received(
        EmbeddingReply(vectors: vectors, billedTokens: 2), to: batch, target: run.targets[0], cost: nil, at: Date())
      try await ledger.settle(Settlement(batches: [batch.id]), run: run.id, targets: run.targets, at: Date())
    }
    let kept = try await ledger.kept(of: run.targets[0])
    #expect(Set(kept.keys) == [.integer(3), .integer(4), .integer(5), .integer(6)])
    #expect(try await ledger.spooled(BatchID(run: run.id, number: 1)).rows.isEmpty)
    #expect(try await ledger.spooled(BatchID(run: run.id, number: 6)).vectors.values == vectors.values)
  }

  @Test func `a reply without usage is marked as counted here`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    for (number, tokens) in [(1, nil), (2, 7)] {
      try await ledger.requested(batch(number, of: run.id), target: run.targets[0], reservation: nil)
      try await ledger.received(
        reply(tokens: tokens), to: batch(number, of: run.id), target: run.targets[0], cost: nil, at: Date())
    }
    let receipts = try await DatabaseQueue.patient(path).read { db in
      try Row.fetchAll(db, sql: "SELECT billed_tokens, is_counted_here FROM receipt ORDER BY number")
        .map { [$0["billed_tokens"] as Int, $0["is_counted_here"] as Int] }
    }
    #expect(receipts == [[10, 1], [7, 0]])
  }

  @Test func `a condemned row is left out by its key and digest`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let batch = batch(1, of: run.id, rows: 1)
    try await ledger.requested(batch, target: run.targets[0], reservation: nil)
    let row = CondemnedRow(source: 0, row: batch.contents.rows[0], Condemnation(.provider(.badInput), "refused"))
    let settlement = Settlement(batches: [batch.id], condemned: [row])
    try await ledger.settle(settlement, run: run.id, targets: run.targets, at: Date())
    let condemned = try await ledger.condemned([.integer(0), .integer(1)], target: run.targets[0])
    #expect(condemned == [.integer(0): TextDigest(of: "text 0")])
    #expect(try await ledger.condemned([.integer(0)], target: run.targets[1]).isEmpty)
  }

  @Test func `no text is anywhere in the file`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    try await ledger.requested(batch(1, of: run.id), target: run.targets[0], reservation: 1)
    let bytes = try #require(FileManager.default.contents(atPath: path))
    #expect(bytes.range(of: Data("chat_messages".utf8)) != nil)
    #expect(bytes.range(of: Data("text 0".utf8)) == nil)
  }
}
