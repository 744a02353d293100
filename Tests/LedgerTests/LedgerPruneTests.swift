import Backfill
import Foundation
import GRDB
import Ledger
import TestSupport
import Testing

/// Old batches are added up, and all sums stay.
@Suite struct LedgerPruneTests {
  static let start = Date(timeIntervalSince1970: 1_790_000_000)
  static let day = 86_400.0

  let folder: TemporaryFolder
  var path: String { folder.file("ledger.db") }

  init() throws { folder = try TemporaryFolder() }

  /// What reports and budgets say of a ledger.
  struct Sums: Equatable {
    let spent: Double
    let expenses: [Ledger.Expense]
    let totals: [Ledger.Totals]
    let days: [Ledger.Slice]

    init(of ledger: Ledger) async throws {
      let jobs = try await ledger.jobs()
      spent = try await ledger.spent(byJobOf: 1)
      var expenses: [Ledger.Expense] = []
      for group in Ledger.ExpenseGroup.allCases { expenses += try await ledger.expenses(by: group) }
      self.expenses = expenses
      totals = jobs.map(\.totals)
      days = try await ledger.history(of: jobs[0]).days
    }
  }

  /// Costs that are sums of powers of two, so that sums are equal to the last bit in whatever order.
  static func cost(_ number: Int) -> Double? { number % 5 == 0 ? nil : Double(number) / 64 }

  /// A run a day for `days` days, each with batches of two columns in each state, and the vectors of the settled ones gone
  /// but for the last.
  func fill(_ ledger: Ledger, days: Int) async throws {
    for day in 0..<days {
      let date = Self.start + Double(day) * Self.day
      let run = try await ledger.begin(LedgerTests.job, on: "db", at: date)
      for number in 1...8 {
        let batch = LedgerDamageTests.batch(number, of: run.id)
        let target = run.targets[number % 2]
        try await ledger.requested(batch, target: target, reservation: 0.5, at: date)
        switch number {
        case 6: try await ledger.failed(batch, EmbeddingFailure(.badInput, "400"), at: date)
        case 7:
          try await ledger.failed(batch, EmbeddingFailure(.timedOut, "never came", mayHaveBeenBilled: true), at: date)
        case 8 where day == days - 1: break
        default:
          // One that was lost before it was answered stays in question.
          if number == 5 {
            try await ledger.failed(batch, EmbeddingFailure(.timedOut, "never came", mayHaveBeenBilled: true), at: date)
            try await ledger.requested(batch, target: target, reservation: 0.5, at: date)
          }
          let reply = EmbeddingReply(
            vectors: Vectors(dimensions: 3, values: (0..<60).map(Float.init)), billedTokens: number == 3 ? nil : 60)
          try await ledger.received(
            reply, to: batch, target: target, cost: Self.cost(number), spent: 1, at: date + Double(number))
          if number != 8 {
            try await ledger.settle(Settlement(batches: [batch.id]), run: run.id, targets: run.targets, at: date)
          }
        }
      }
      if day < days - 1 { try await ledger.end(run.id, .complete, Tally(), at: date + 10) }
    }
    // As if many more had been settled since.
    try await DatabaseQueue.patient(path).write { db in
      try db.execute(
        sql: """
          DELETE FROM spool WHERE run_id < \(days) AND (run_id, number) IN (
            SELECT run_id, number FROM batch WHERE state = 'settled');
          UPDATE batch SET contents = NULL
          WHERE state = 'settled' AND (run_id, number) NOT IN (SELECT run_id, number FROM spool);
          """)
    }
  }

  static func states(_ path: String) async throws -> [String: Int] {
    try await DatabaseQueue.patient(path).read { db in
      Dictionary(
        uniqueKeysWithValues: try Row.fetchAll(
          db, sql: "SELECT state, COUNT(*) FROM batch WHERE number > 0 GROUP BY state"
        ).map { ($0[0] as String, $0[1] as Int) })
    }
  }

  @Test func `what budgets and reports count is the same to the last bit, once and twice`() async throws {
    let ledger = try Ledger.open(at: path)
    try await fill(ledger, days: 20)
    let (sums, states) = (try await Sums(of: ledger), try await Self.states(path))
    let quarantined = try await ledger.quarantined(in: nil)
    let would = try await ledger.prunable(before: Self.start + 9.5 * Self.day)
    #expect(try await Sums(of: ledger) == sums, "looking changes nothing")
    let pruned = try await ledger.prune(before: Self.start + 9.5 * Self.day)
    // 1 to 4, and the one that was refused; the fifth may have been paid twice.
    #expect(pruned == Ledger.Pruned(batches: 10 * 5, runs: 0))
    #expect(would == pruned)
    #expect(try await Sums(of: ledger) == sums)
    #expect(try await ledger.prune(before: Self.start + 9.5 * Self.day) == Ledger.Pruned())
    let rest = try await ledger.prune(before: Self.start + 100 * Self.day)
    #expect(rest == Ledger.Pruned(batches: 9 * 5, runs: 0), "the last run goes on, and its vectors are kept")
    #expect(try await Sums(of: ledger) == sums)
    let left = try await Self.states(path)
    for state in ["requested", "received", "lost"] { #expect(left[state] == states[state], "\(state)") }
    #expect(try await ledger.quarantined(in: nil) == quarantined)
    #expect(try await Ledger.inspect(at: path)?.findings == [])
    // The next run counts the same as spent.
    #expect(try await ledger.begin(LedgerTests.job, on: "db", at: Date()).spent == sums.spent + 0.5)
  }

  @Test func `runs that did nothing go but for those that are gone on with`() async throws {
    let ledger = try Ledger.open(at: path)
    var tally = Tally()
    for day in 0..<10 {
      let date = Self.start + Double(day) * Self.day
      let run = try await ledger.begin(LedgerTests.job, on: "db", at: date)
      tally.billedPerEstimated = day == 2 ? 1.5 : nil
      try await ledger.end(run.id, day < 6 ? .complete : .stopped(.interrupt), tally, at: date)
    }
    let last = try await ledger.lastSuccess(of: "chat")
    #expect(try await ledger.prune(before: Self.start + 100 * Self.day) == Ledger.Pruned(runs: 4))
    #expect(try await ledger.lastSuccess(of: "chat") == last)
    let next = try await ledger.begin(LedgerTests.job, on: "db", at: Self.start + 101 * Self.day)
    #expect(next.id == 11)
    #expect(next.resumed?.done == 0)
    #expect(next.earlier.billedPerCounted == 1.5)
  }

  @Test func `a run that still knows a batch which was removed beside it takes it for written`() async throws {
    let ledger = try Ledger.open(at: path)
    try await fill(ledger, days: 2)
    _ = try await ledger.prune(before: Self.start + Self.day)
    #expect(try await ledger.spooled(BatchID(run: 1, number: 1)).rows == [])
    // One of a run of which nothing was removed is damage.
    await #expect(throws: Failure.self) { try await ledger.spooled(BatchID(run: 2, number: 99)) }
  }

  @Test func `the space is given back`() async throws {
    let ledger = try Ledger.open(at: path)
    _ = try await ledger.begin(LedgerTests.job, on: "db", at: Self.start)
    try await Self.settle(200_000, in: path)
    let sums = try await Sums(of: ledger)
    let before = try await ledger.fileSize()
    #expect(try await ledger.prune(before: Date()).batches == 200_000)
    let after = try await ledger.giveBackSpace()
    #expect(try await Sums(of: ledger) == sums)
    let size = try #require(FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    #expect(size == after && after < before / 20)
    print("figure: 200,000 settled batches have \(before) bytes, \(before / 200_000) each, and \(after) after pruning")
  }

  /// Enters so many settled batches of run 1, as a run of a hundred rows a request leaves them.
  static func settle(_ count: Int, in path: String) async throws {
    try await DatabaseQueue.patient(path).write { db in
      try db.execute(
        sql: """
          WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(count))
          INSERT INTO batch (run_id, number, target_id, state, inputs, tokens, reservation)
          SELECT 1, i, 1, 'settled', 100, 25000 + i % 997, 0.0625 FROM n;
          INSERT INTO receipt (run_id, number, request_id, inputs, billed_tokens, is_counted_here, cost, spent, received_at)
          SELECT 1, number, 'req_' || lower(hex(randomblob(16))), 100, tokens, 0, 0.03125, 0.03125,
            1790000000 + number / 16.0 FROM batch WHERE number BETWEEN 1 AND \(count) ORDER BY number;
          """)
    }
  }
}
