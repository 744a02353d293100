import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

@testable import Pipeline

/// How batches end, and what becomes of their rows.
@Suite struct BatchEndingTests {
  private static let texts = (0..<40).map { "message \($0)" }

  @Test func `the first run submits and ends, a later one fetches and proves`() async throws {
    let world = try BatchWorld(Self.texts)
    #expect(try await world.run().ending == .waiting(rows: 40))
    #expect(Ending.waiting(rows: 40).exitCode.rawValue == 75)
    #expect(try await world.run().ending == .waiting(rows: 40))
    let last = try await world.run()
    #expect(last.ending == .complete)
    #expect(last.tally.written == 40)
    #expect(last.tally.recovered == 0)
    #expect(last.tally.cost == world.provider.book.dollars)
    #expect(world.provider.book.textsByRequest.isEmpty)
    #expect(world.wrong == [])
  }

  @Test func `with a wait one run does it all`() async throws {
    let world = try BatchWorld(Self.texts)
    world.terms.waits = true
    #expect(try await world.run().ending == .complete)
    #expect(world.paidTwice == [])
    #expect(world.wrong == [])
  }

  @Test func `a run without batches pays none of the rows that wait, and does the others`() async throws {
    let world = try BatchWorld(Self.texts)
    _ = try await world.run()
    world.table.edit(1, to: "edited meanwhile")
    let run = try await world.run(batches: false)
    #expect(run.ending == .waiting(rows: 39))
    #expect(run.tally.written == 1)
    #expect(world.provider.book.textsByRequest == ["edited meanwhile"])
    #expect(try await world.runs().last?.ending == .complete)
    #expect(world.wrong == [])
    #expect(world.paidTwice == [])
  }

  @Test func `a run that only fetches submits nothing`() async throws {
    let world = try BatchWorld(Self.texts, FakeProvider(BatchFileLimits(bytes: 1 << 20, inputs: 20, lines: 9)))
    world.terms.enqueuedTokens = 40
    #expect(try await world.run().ending == .waiting(rows: 20))
    world.terms.submits = false
    #expect(try await world.run().ending == .waiting(rows: 20))
    let last = try await world.run()
    #expect(last.ending == .stopped(.fetched))
    #expect(last.tally.written == 20)
    #expect(world.provider.book.batches.count == 1)
  }

  @Test(arguments: [FakeProvider.Ending.allFailed, .nothing, .failed])
  func `a batch of which nothing was done ends the run, and its rows come again`(
    ending: FakeProvider.Ending
  ) async throws {
    let world = try BatchWorld(Self.texts)
    world.provider.change { $0.endings = [ending, .completed] }
    let runs = try await world.runs()
    let codes = runs.map(\.ending.exitCode)
    #expect(codes.contains(.unavailable))
    #expect(codes.last == .complete)
    #expect(world.paidTwice == [])
    #expect(world.wrong == [])
  }

  @Test(arguments: [FakeProvider.Ending.expired, .cancelled])
  func `what a batch has done that ended early is kept, and the rest comes again`(
    ending: FakeProvider.Ending
  ) async throws {
    let world = try BatchWorld(Self.texts)
    world.provider.change { $0.endings = [ending, .completed] }
    let runs = try await world.runs()
    #expect(runs.last?.ending == .complete)
    #expect(world.provider.book.batches.map(\.lines.count) == [4, 2])
    #expect(world.paidTwice == [])
    #expect(world.wrong == [])
  }

  @Test func `too much under way waits and is sent in smaller files`() async throws {
    let world = try BatchWorld(Self.texts)
    world.provider.change { $0.mostTokens = 50 }
    let runs = try await world.runs()
    #expect(runs.last?.ending == .complete)
    #expect(world.provider.book.happened["failed"] ?? 0 > 0)
    #expect(world.paidTwice == [])
    #expect(world.wrong == [])
  }

  @Test func `too much that is refused at once is sent in smaller files by later runs`() async throws {
    let world = try BatchWorld(Self.texts)
    world.provider.change { $0.mostTokensAtOnce = 50 }
    let first = try await world.run()
    #expect(first.ending.exitCode == .unavailable)
    #expect(world.provider.book.batches.isEmpty)
    let runs = try await world.runs()
    #expect(runs.last?.ending == .complete)
    #expect(world.provider.book.happened["held"] ?? 0 > 0)
    #expect(world.provider.book.textsByRequest.isEmpty)
    #expect(world.paidTwice == [])
    #expect(world.wrong == [])
  }

  @Test func `where a line has one text, every text has its own, and a refused one takes no other along`() async throws
  {
    let limits = BatchFileLimits(bytes: 1 << 20, inputs: 1_000, lines: 100, inputsOfLine: 1)
    let world = try BatchWorld(Self.texts + ["poison"], FakeProvider(limits))
    let runs = try await world.runs()
    #expect(runs.last?.ending == .complete)
    #expect(runs.last?.tally.quarantined == 1)
    #expect(world.provider.book.batches.flatMap(\.lines).map(\.texts.count) == Array(repeating: 1, count: 41))
    #expect(world.provider.book.textsByRequest.subtracting(["vecfill"]).isEmpty)
    #expect(world.wrong == [])
    #expect(world.paidTwice == [])
  }

  @Test func `a text that is refused is found by requests, and the others of its line are not lost`() async throws {
    let world = try BatchWorld(Self.texts + ["poison"])
    let runs = try await world.runs()
    #expect(runs.last?.ending == .complete)
    #expect(runs.last?.tally.quarantined == 1)
    #expect(world.wrong == [])
    #expect(world.paidTwice == [])
  }

  @Test func `inputs without a usable vector are asked for by requests`() async throws {
    let world = try BatchWorld(Self.texts)
    world.provider.change { $0.unusable = 4 }
    #expect(try await world.runs().last?.ending == .complete)
    #expect(world.wrong == [])
    #expect(world.provider.book.textsByRequest.subtracting(["vecfill"]).count == 8)
  }

  @Test func `a lost answer is looked for, and the batch that comes late is taken`() async throws {
    let world = try BatchWorld(Self.texts)
    world.provider.change {
      $0.lostSubmits = 1
      $0.lateLooks = 2
    }
    let runs = try await world.runs()
    #expect(runs.last?.ending == .complete)
    #expect(world.provider.book.happened["late"] == 2)
    #expect(world.provider.book.batches.count == 1)
    #expect(world.paidTwice == [])
  }

  @Test
  func `a request that began nothing is made again after some looks over some minutes, and its money is kept back`()
    async throws
  {
    let world = try BatchWorld(Self.texts)
    world.provider.change { $0.deafSubmits = 1 }
    _ = try await world.run()
    for _ in 0..<4 { #expect(try await world.run().ending == .waiting(rows: 40)) }
    #expect(world.provider.book.batches.isEmpty)
    world.later(600)
    _ = try await world.run()
    #expect(world.provider.book.batches.count == 1)
    #expect(try await world.runs().last?.ending == .complete)
    #expect(world.wrong == [])
    #expect(world.news.withLock { $0.contains { $0.kind == .lost } })
  }

  @Test(arguments: [false, true])
  func `a batch or an output that is gone counts as possibly paid, and its rows come again`(
    isOutput: Bool
  ) async throws {
    let world = try BatchWorld(Self.texts)
    _ = try await world.run()
    world.provider.change { if isOutput { $0.losesAnswers = true } else { $0.forgets = true } }
    for _ in 0..<4 where world.provider.book.batches.count == 1 {
      _ = try await world.run()
      world.later(600)
    }
    world.provider.change {
      $0.losesAnswers = false
      $0.forgets = false
    }
    #expect(try await world.runs().last?.ending == .complete)
    #expect(world.wrong == [])
    let status = try await Ledger.openForReading(at: world.ledgerPath)?.jobs().first
    #expect(status?.totals.possiblyPaid == 4)
  }

  /// A look has three tries at what a proxy may have put in the file's place.
  @Test(arguments: FakeProvider.Odd.allCases, [false, true])
  func `an output that can't be read whole at one look is read at a later one, and nothing is paid again`(
    odd: FakeProvider.Odd, hidesCounts: Bool
  ) async throws {
    let world = try BatchWorld(Self.texts)
    world.provider.change {
      $0.odd = Array(repeating: odd, count: odd == .page ? 3 : 1)
      $0.hidesCounts = hidesCounts
    }
    let runs = try await world.runs()
    #expect(runs.map(\.ending.exitCode) == [.waiting, .waiting, .waiting, .complete])
    #expect(world.news.withLock { $0.contains { $0.kind == .unread } })
    #expect(world.provider.book.batches.count == 1)
    #expect(world.paidTwice == [])
    #expect(world.wrong == [])
    let status = try await Ledger.openForReading(at: world.ledgerPath)?.jobs().first
    #expect(status?.totals.possiblyPaid == 0)
  }

  @Test func `a page in place of an output is asked again at once`() async throws {
    let world = try BatchWorld(Self.texts)
    world.provider.change { $0.odd = [.page] }
    #expect(try await world.runs().map(\.ending.exitCode) == [.waiting, .waiting, .complete])
    #expect(world.paidTwice == [])
  }

  @Test func `a batch that is told as completed before its file is looked at again`() async throws {
    let world = try BatchWorld(Self.texts)
    world.provider.change { $0.lateFiles = 2 }
    #expect(try await world.runs().last?.ending == .complete)
    #expect(world.provider.book.batches.count == 1)
    #expect(world.paidTwice == [])
  }

  @Test(arguments: [FakeProvider.Odd.page, .empty, .gone, .strangers, .illegible])
  func `two batches of which nothing can be read end a run for good, and pay no more than a line again`(
    odd: FakeProvider.Odd
  ) async throws {
    let world = try BatchWorld(Self.texts)
    world.provider.change { $0.alwaysOdd = odd }
    var codes: [ExitCode] = []
    repeat {
      codes.append(try await world.run().ending.exitCode)
      world.later(600)
    } while codes.last != .badData && codes.count < 20
    #expect(codes.last == .badData)
    #expect(codes.count { $0 == .unavailable } == 1)
    #expect(world.provider.book.batches.map(\.lines.count) == [4, 1])
    let status = try await Ledger.openForReading(at: world.ledgerPath)?.jobs().first
    #expect(status?.totals.possiblyPaid == 5)
    #expect(world.provider.book.textsByRequest.isEmpty)
    world.provider.change { $0.alwaysOdd = nil }
    #expect(try await world.runs().last?.ending == .complete)
    #expect(world.wrong == [])
    #expect(world.provider.book.batches.map(\.lines.count) == [4, 1, 1, 3])
  }

  @Test func `a line alone whose reply can't be read says nothing of others: its rows are asked for by requests`()
    async throws
  {
    let world = try BatchWorld(["one", "two", "three"])
    world.provider.change { $0.alwaysOdd = .illegible }
    #expect(try await world.runs().map(\.ending.exitCode) == [.waiting, .waiting, .complete])
    #expect(world.provider.book.batches.map(\.lines.count) == [1])
    #expect(world.wrong == [])
  }

  @Test func `where a line of a batch can be read, the rows of those that can't are asked for by requests`()
    async throws
  {
    let world = try BatchWorld(Self.texts)
    world.provider.change { $0.illegibleLines = 3 }
    #expect(try await world.runs().last?.ending == .complete)
    #expect(world.provider.book.batches.map(\.lines.count) == [4])
    #expect(world.provider.book.textsByRequest.subtracting(["vecfill"]).count == 30)
    #expect(world.wrong == [])
  }

  @Test(arguments: [true, false])
  func `a batch that brought no file counts as possibly paid where it doesn't say that nothing was done`(
    hidesCounts: Bool
  ) async throws {
    let world = try BatchWorld(Self.texts)
    world.provider.change {
      $0.endings = [.nothing, .completed]
      $0.hidesCounts = hidesCounts
    }
    #expect(try await world.runs().last?.ending == .complete)
    let status = try await Ledger.openForReading(at: world.ledgerPath)?.jobs().first
    #expect(status?.totals.possiblyPaid == (hidesCounts ? 4 : 0))
  }

  @Test func `answers that come twice or that nobody asked for are counted and left`() async throws {
    let world = try BatchWorld(Self.texts)
    world.provider.change {
      $0.sendsTwice = true
      $0.sendsForeign = true
    }
    #expect(try await world.runs().last?.ending == .complete)
    let told = world.news.withLock { $0.first { $0.kind == .fetched } }
    #expect(told?.message.contains("1 answer came twice") == true)
    #expect(told?.message.contains("an id that nobody asked for, the first in line 1") == true)
    #expect(told?.isWarning == true)
    #expect(world.paidTwice == [])
  }

  @Test func `a batch that shows an output in a state that is no end is warned of, and its rows wait`() async throws {
    let world = try BatchWorld(Self.texts)
    world.provider.change { $0.showsEarly = true }
    #expect(try await world.runs().map(\.ending.exitCode) == [.waiting, .waiting, .complete])
    let told = world.news.withLock { $0.first { $0.kind == .unknown } }
    #expect(told?.message.contains("its state ready is none that says it has ended") == true)
    #expect(told?.isWarning == true)
    #expect(world.paidTwice == [])
  }

  @Test func `a budget below all of it submits what fits, and ends with its own code`() async throws {
    let world = try BatchWorld(Self.texts)
    let tokens = world.table.rows.values.reduce(0) { $0 + FakeProvider.tokens($1.text) }
    world.job.budget = Job.Budget(usd: Double(tokens) / 4)
    let runs = try await world.runs(atMost: 12)
    #expect(runs.last?.ending.exitCode == .budget)
    #expect(world.provider.book.dollars <= Double(tokens) / 4)
    #expect(world.provider.book.dollars > Double(tokens) / 5)
  }

  @Test func `a batch nobody has fetched for twenty days is warned of`() async throws {
    let world = try BatchWorld(Self.texts)
    _ = try await world.run()
    world.later(20 * 86_400)
    _ = try await world.run()
    #expect(world.news.withLock { $0.contains { $0.kind == .expiring } })
    let open = try await world.open
    #expect(open.map { $0.isExpiring(at: world.now.withLock { $0 }) } == [true])
  }
}
