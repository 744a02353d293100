import Backfill
import Testing

/// Several writes at once.
extension ConductorTests {
  /// A run with two writers, both of which are at work, on batch 1 and on batches 2 and 3; 4 to 6 are asked for.
  private static func writing() -> Conductor {
    var conductor = conductor(concurrency: 2, writers: 2)
    conductor.begin()
    _ = conductor.tell(.pageRead(page(1...12)))
    #expect(conductor.tell(.received(id(1), receipt)) == ["request 3 x2", "write 1"])
    #expect(conductor.tell(.received(id(2), receipt)) == ["request 4 x2"])
    #expect(
      conductor.tell(.received(id(3), receipt)) == ["request 5 x2", "page 0 after 12 up to 99", "write 2,3 by 1"])
    _ = conductor.tell(.pageRead(emptyPage))
    return conductor
  }

  private static func report(_ number: Int, locked: Set<RowKey>, written: Int) -> WriteReport {
    var batch = WriteReport.Batch(id: id(number))
    batch.locked = locked
    batch.written = written
    return WriteReport(batches: [batch], lockHolders: "pid 1")
  }

  @Test func `a writer that is free takes all that waits, whichever write ends first`() {
    var conductor = Self.writing()
    #expect(conductor.tell(.received(Self.id(4), Self.receipt)) == ["request 6 x2"])
    #expect(conductor.tell(.received(Self.id(5), Self.receipt)) == [])
    #expect(
      conductor.tell(Self.written([(Self.id(2), 2), (Self.id(3), 2)], by: 1)) == ["write 4,5 by 1", "settle 2,3"])
    #expect(conductor.tell(.settled) == [])
    #expect(conductor.tell(.received(Self.id(6), Self.receipt)) == [])
    // One batch is too little to write it beside another.
    #expect(conductor.tell(Self.written([(Self.id(4), 2), (Self.id(5), 2)], by: 1)) == ["settle 4,5"])
    #expect(conductor.tell(.settled) == [])
    #expect(conductor.tell(Self.written([(Self.id(1), 2)])) == ["write 6", "settle 1"])
    #expect(conductor.tell(.settled) == [])
    #expect(conductor.tell(Self.written([(Self.id(6), 2)])) == ["settle 6 up to 99"])
    #expect(conductor.tally.written == 12)
  }

  @Test func `a write that fails lets the other one end, and what that wrote is settled before the run ends`() {
    var conductor = Self.writing()
    #expect(conductor.tell(.writeFailed(Failure(.unavailable, "db", "gone"), writer: 0)) == [])
    #expect(conductor.tell(.received(Self.id(4), Self.receipt)) == [])
    #expect(conductor.tell(.received(Self.id(5), Self.receipt)) == [])
    #expect(conductor.tell(Self.written([(Self.id(2), 2), (Self.id(3), 2)], by: 1)) == ["settle 2,3"])
    #expect(conductor.tell(.settled) == ["end 69"])
    #expect(conductor.tally.written == 4)
  }

  @Test func `both writes may fail, and the first failure is told`() {
    var conductor = Self.writing()
    _ = conductor.tell(.received(Self.id(4), Self.receipt))
    #expect(conductor.tell(.writeFailed(Failure(.denied, "db", "no right"), writer: 1)) == [])
    _ = conductor.tell(.received(Self.id(5), Self.receipt))
    _ = conductor.tell(.received(Self.id(6), Self.receipt))
    let end = conductor.tell(.writeFailed(Failure(.unavailable, "db", "gone"), writer: 0))
    #expect(end == ["end \(ExitCode.denied.rawValue)"])
  }

  @Test func `rows that others hold are tried again by a writer that is free, while the other writes`() {
    var conductor = Self.writing()
    let held = Self.report(1, locked: [.integer(2)], written: 1)
    #expect(conductor.tell(.written(held, writer: 0), at: 1) == ["wake 1"])
    #expect(conductor.tell(.woken, at: 1.25) == ["write 1 only 2"])
    // No writer is free: the next end decides.
    #expect(conductor.tell(.received(Self.id(4), Self.receipt), at: 2) == ["request 6 x2"])
    #expect(conductor.tell(.received(Self.id(5), Self.receipt), at: 2) == [])
    #expect(conductor.tell(.written(held, writer: 0), at: 3) == ["write 4,5"])
    #expect(
      conductor.tell(Self.written([(Self.id(2), 2), (Self.id(3), 2)], by: 1), at: 3) == ["settle 2,3", "wake 4"])
  }

  @Test func `a stop lets both writes end, and writes what requests still bring`() {
    var conductor = Self.writing()
    _ = conductor.tell(.stopRequested(.terminate), at: 1)
    _ = conductor.tell(.received(Self.id(4), Self.receipt), at: 2)
    _ = conductor.tell(.received(Self.id(5), Self.receipt), at: 2)
    #expect(conductor.tell(Self.written([(Self.id(2), 2), (Self.id(3), 2)], by: 1), at: 2).first == "write 4,5 by 1")
    _ = conductor.tell(.settled, at: 2)
    _ = conductor.tell(Self.written([(Self.id(1), 2)]), at: 3)
    #expect(conductor.tell(.settled, at: 3) == ["wake 21"])
    _ = conductor.tell(Self.written([(Self.id(4), 2), (Self.id(5), 2)], by: 1), at: 4)
    #expect(conductor.tell(.settled, at: 4) == ["end 143"])
    #expect(conductor.tally.written == 10)
  }

  @Test func `the spool of an earlier run is written by all, and no page is read before the last of it`() {
    let spooled = (1...10).map { Conductor.Spooled(id: BatchID(run: 0, number: $0), source: 0, rows: 2) }
    var conductor = Self.conductor(writers: 2, spooled: spooled)
    #expect(conductor.tell(.started) == ["write 1,2,3,4,5,6,7,8", "write 9,10 by 1"])
    #expect(conductor.tell(Self.written(spooled.suffix(2).map { ($0.id, 2) }, by: 1)) == ["settle 9,10"])
    #expect(conductor.tell(Self.written(spooled.prefix(8).map { ($0.id, 2) })) == ["last 0"])
    #expect(conductor.tell(.settled) == ["settle 1,2,3,4,5,6,7,8"])
    #expect(conductor.tally.recovered == 20)
  }

  @Test func `a second stop cancels every write`() {
    var conductor = Self.writing()
    _ = conductor.tell(.stopRequested(.interrupt), at: 1)
    #expect(conductor.tell(.stopRequested(.interrupt), at: 2).prefix(2) == ["cancel", "cancel writing"])
    let gone = Failure(.unavailable, "db", "cancelled")
    _ = conductor.tell(.writeFailed(gone, writer: 1), at: 2)
    for number in 4...5 {
      _ = conductor.tell(.requestFailed(Self.id(number), EmbeddingFailure(.cancelled, "cancelled")), at: 2)
    }
    #expect(conductor.tell(.writeFailed(gone, writer: 0), at: 2) == ["end 130"])
  }

  // MARK: A table that takes no vector

  /// What a write did that wrote nothing: it was refused for each row, as for others that were tried.
  private static func refusal(_ number: Int, isOfAll: Bool = true, leavesDoubt: Bool = false) -> Conductor.Event {
    let rows = [Int64(2 * number - 1), Int64(2 * number)].map {
      BatchRow(key: .integer($0), digest: TextDigest(of: ""), input: 0)
    }
    var outcome = WriteOutcome()
    for row in rows { outcome.refused[row.key] = "the trigger audit refuses it (SQLSTATE 42704)" }
    outcome.refusesAll = isOfAll
    outcome.leavesDoubt = leavesDoubt
    return .written(WriteReport(outcome, of: [(id(number), rows)]), writer: 0)
  }

  @Test func `a table that refuses all ends the run, with nothing condemned or settled, so that the spool keeps it`() {
    var conductor = Self.conductor()
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...12)))
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == ["request 3 x2", "write 1"])
    #expect(conductor.tell(Self.refusal(1)) == [])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt)) == [])
    #expect(conductor.tell(.received(Self.id(3), Self.receipt)) == ["end 78"])
    #expect(conductor.tally.quarantined == 0)
  }

  @Test(arguments: [0, 1, 2])
  func `a table that refuses all from some time on ends the run at the third write in a row`(
    writtenBetween: Int
  ) {
    var conductor = Self.conductor()
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...24)))
    let takes = [true, false, false] + Array(repeating: true, count: writtenBetween) + [false, false, false]
    var ended: Int?
    for (place, isTaken) in takes.enumerated() where ended == nil {
      _ = conductor.tell(.received(Self.id(place + 1), Self.receipt))
      _ = conductor.tell(isTaken ? Self.written([(Self.id(place + 1), 2)]) : Self.refusal(place + 1))
      if conductor.isStopping { ended = place }
      _ = conductor.tell(.settled)
    }
    #expect(ended == (writtenBetween == 0 ? 3 : takes.count - 1))
    #expect(conductor.tally.quarantined == (writtenBetween == 0 ? 4 : 8))
  }

  @Test func `where another transaction holds a row that may be a good one, the third refused write in a row ends it`()
  {
    var conductor = Self.conductor()
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...12)))
    for number in 1...3 {
      #expect(!conductor.isStopping)
      _ = conductor.tell(.received(Self.id(number), Self.receipt))
      _ = conductor.tell(Self.refusal(number, leavesDoubt: true))
      _ = conductor.tell(.settled)
    }
    #expect(conductor.isStopping)
    #expect(conductor.tally.quarantined == 4)
  }

  @Test(arguments: [false, true]) func `rows are condemned where the table takes others, or took one before`(
    _ isOfAll: Bool
  ) {
    var conductor = Self.conductor()
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...4)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    _ = conductor.tell(.received(Self.id(2), Self.receipt))
    if isOfAll {
      _ = conductor.tell(Self.written([(Self.id(2), 2)]))
      _ = conductor.tell(.settled)
    } else {
      #expect(conductor.tell(Self.refusal(2, isOfAll: false)).first?.contains("condemning 3") == true)
      _ = conductor.tell(.settled)
    }
    _ = conductor.tell(.received(Self.id(1), Self.receipt))
    let actions = conductor.tell(Self.refusal(1, isOfAll: isOfAll))
    #expect(actions.first?.contains("condemning 1 as refusedByDatabase, 2 as refusedByDatabase") == true, "\(actions)")
  }
}
