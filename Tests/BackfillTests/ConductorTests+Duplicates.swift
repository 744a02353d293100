import Backfill
import Testing

/// With `duplicates: table`: which texts the reading of a page is told to leave alone, and what is copied.
extension ConductorTests {
  private static func tableWide() -> Conductor {
    let job = Job(
      name: "job", sources: [Source(table: "a")], model: Model(name: "m", dimensions: 4), batchSize: 2,
      concurrency: 2, writers: 1, limits: ample, duplicates: .table)
    return Conductor(job: job, policy: RunPolicy(), run: 1, watermarks: [nil], spooled: [], spent: 0)
  }

  private static func equals(_ actions: [Conductor.Action]) -> EqualTexts? {
    actions.lazy.compactMap { action -> EqualTexts? in
      if case .readPage(_, _, _, let equals) = action { equals } else { nil }
    }.first
  }

  private static func texts(_ numbers: ClosedRange<Int>) -> Set<TextDigest> {
    Set(numbers.map { TextDigest(of: "text \($0)") })
  }

  @Test func `a text is awaited from its page until its vector is settled, and each page has a batch for copies`()
    throws
  {
    var conductor = Self.tableWide()
    _ = conductor.handle(.started, at: .zero)
    let first = try #require(Self.equals(conductor.handle(.lastKeyRead(.integer(8)), at: .zero)))
    #expect(first.awaited.isEmpty)
    let second = try #require(Self.equals(conductor.handle(.pageRead(Self.page(1...2)), at: .zero)))
    #expect(second.awaited == Self.texts(1...2))
    #expect(second.copies != first.copies)
    // A page whose rows get another row's vector, and of which one waits.
    var page = Self.page(3...3)
    page.add(copied: [.integer(4)], by: second.copies)
    page.add(deferred: [.integer(5)])
    let third = conductor.handle(.pageRead(page), at: .zero)
    #expect(
      third.contains { if case .write(let write) = $0 { write.parts.map(\.batch) == [second.copies] } else { false } })
    #expect(Self.equals(third)?.awaited == Self.texts(1...3))
    // The write of the copies alone ends nothing of what is awaited.
    let settling = conductor.handle(Self.written([(second.copies, rows: 1)]), at: .zero)
    #expect(
      settling.contains { if case .settle(let settled) = $0 { settled.batches == [second.copies] } else { false } })
    _ = conductor.handle(.settled, at: .zero)
    #expect(conductor.tally.copied == 1 && conductor.tally.written == 1)
  }

  @Test func `a sweep that left rows is followed by one that awaits nothing`() throws {
    var conductor = Self.tableWide()
    _ = conductor.handle(.started, at: .zero)
    _ = conductor.handle(.lastKeyRead(.integer(9)), at: .zero)
    let actions = conductor.handle(.pageRead(Self.page(1...2)), at: .zero)
    let asked = actions.compactMap { action -> BatchID? in
      if case .request(let batch, _, _) = action { batch.id } else { nil }
    }
    var left = PackedPage(continuesAfter: nil)
    left.add(deferred: [.integer(9)])
    _ = conductor.handle(.pageRead(left), at: .zero)
    for id in asked { _ = conductor.handle(.received(id, Self.receipt), at: .zero) }
    _ = conductor.handle(Self.written(asked.map { ($0, rows: 2) }), at: .zero)
    let after = conductor.handle(.settled, at: .zero)
    // The deferred row is there yet: the source is read again.
    #expect(after.contains(.readLastKey(source: 0)))
    let again = try #require(Self.equals(conductor.handle(.lastKeyRead(.integer(9)), at: .zero)))
    #expect(again.awaited.isEmpty)
    var copied = PackedPage(continuesAfter: nil)
    copied.add(copied: [.integer(9)], by: again.copies)
    _ = conductor.handle(.pageRead(copied), at: .zero)
    _ = conductor.handle(Self.written([(again.copies, rows: 1)]), at: .zero)
    #expect(conductor.handle(.settled, at: .zero) == [.end(.complete)])
  }

  @Test func `where everything is copied, what comes before the first write waits for no answer`() throws {
    let job = Job(
      name: "job", sources: [Source(table: "a")], model: Model(name: "m", dimensions: 4), limits: Self.ample,
      duplicates: .table)
    var conductor = Conductor(
      job: job, policy: RunPolicy(), run: 1, watermarks: [nil], spooled: [], spent: 0, preparesWriting: true)
    _ = conductor.handle(.started, at: .zero)
    let equals = try #require(Self.equals(conductor.handle(.lastKeyRead(.integer(1)), at: .zero)))
    var page = PackedPage(continuesAfter: nil)
    page.add(copied: [.integer(1)], by: equals.copies)
    #expect(conductor.handle(.pageRead(page), at: .zero).contains(.prepareWriting))
    #expect(conductor.handle(.prepared, at: .zero).contains { if case .write = $0 { true } else { false } })
  }
}
