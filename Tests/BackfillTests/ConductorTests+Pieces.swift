import TestSupport
import Testing

@testable import Backfill

/// Rows whose texts are cut into pieces.
extension ConductorTests {
  static func cutting(spooled: [Conductor.Spooled] = [], batchSize: Int = 2) -> Conductor {
    let job = Job(
      name: "job", sources: [Source(table: "a", chunks: Chunks(table: "b", cutting: PiecePackingTests.cutting))],
      model: Model(name: "m", dimensions: 4, usdPerMillionTokens: 1_000_000), batchSize: batchSize, concurrency: 4,
      writers: 1, limits: ample)
    return Conductor(
      job: job, policy: RunPolicy(maxQuarantined: 10), run: 1, watermarks: [nil], spooled: spooled, spent: 0,
      random: SeededGenerator(seed: 1))
  }

  @Test func `a row is written once the last of its pieces has been received`() {
    var conductor = Self.cutting()
    conductor.begin(lastKey: 1)
    let page = PiecePackingTests.pack([PiecePackingTests.text(pieces: 5)], maxInputs: 2)
    #expect(conductor.tell(.pageRead(page)) == ["request 1 x2", "request 2 x2", "request 3 x1"])
    #expect(conductor.tell(.received(Self.id(3), Self.receipt)) == [])
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == [])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt)) == ["write 3 only 1"])
    #expect(conductor.tell(Self.written([(Self.id(3), rows: 1)])) == ["settle 3,1,2 up to 1"])
    #expect(conductor.tally.written == 1)
  }

  @Test func `what an earlier run received is written with what this one receives, and nothing else is asked for`() {
    let text = PiecePackingTests.text(pieces: 5)
    let earlier = BatchID(run: 1, number: 90)
    var conductor = Self.cutting(spooled: [Conductor.Spooled(id: earlier, source: 0, rows: 1)])
    conductor.begin(lastKey: 1)
    let page = PiecePackingTests.pack(
      [text], maxInputs: 2, paid: [1: PiecePackingTests.paid(text, [0, 1, 2], of: 5, in: 90)])
    #expect(conductor.tell(.pageRead(page)) == ["request 1 x2"])
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == ["write 1 only 1"])
    #expect(conductor.tell(Self.written([(Self.id(1), rows: 1)])) == ["settle 1,90 up to 1"])
  }

  @Test func `a row whose pieces are all received is written without a request`() {
    let text = PiecePackingTests.text(pieces: 3)
    var conductor = Self.cutting(
      spooled: [Conductor.Spooled(id: BatchID(run: 1, number: 90), source: 0, rows: 1)])
    conductor.begin(lastKey: 1)
    let page = PiecePackingTests.pack(
      [text], maxInputs: 2, paid: [1: PiecePackingTests.paid(text, [0, 1, 2], of: 3, in: 90)])
    #expect(conductor.tell(.pageRead(page)) == ["write 90 only 1"])
    #expect(conductor.tell(Self.written([(BatchID(run: 1, number: 90), rows: 1)])).contains("settle 1,90 up to 1"))
  }

  @Test(arguments: [true, false])
  func `what needs no request is written, though the provider has nothing to answer before the first write`(
    isCut: Bool
  ) {
    var conductor = Conductor(
      job: Job(
        name: "job",
        sources: [Source(table: "a", chunks: isCut ? Chunks(table: "b", cutting: PiecePackingTests.cutting) : nil)],
        model: Model(name: "m", dimensions: 4)),
      policy: RunPolicy(), run: 2, watermarks: [nil], spooled: [], spent: 0, preparesWriting: true)
    conductor.begin(lastKey: 1)
    let text = PiecePackingTests.text(pieces: 2)
    var page = PiecePackingTests.pack(
      isCut ? [text] : [], maxInputs: 2, paid: [1: PiecePackingTests.paid(text, [0, 1], of: 2, in: 90)])
    if !isCut { page.add(kept: [BatchID(run: 1, number: 90): [1]]) }
    #expect(conductor.tell(.pageRead(page)) == ["write 90 only 1"])
  }

  @Test func `what is received and no row needs any more is settled when the source is complete`() {
    var conductor = Self.cutting(
      spooled: [Conductor.Spooled(id: BatchID(run: 1, number: 90), source: 0, rows: 1)])
    conductor.begin(lastKey: 1)
    #expect(conductor.tell(.pageRead(Self.emptyPage)) == ["settle 90 up to 1"])
    #expect(conductor.tell(.settled) == ["end complete"])
  }

  @Test func `a piece that is refused condemns its row once, and the rows beside it are written`() {
    var conductor = Self.cutting(batchSize: 8)
    conductor.begin(lastKey: 2)
    let page = PiecePackingTests.pack(
      [PiecePackingTests.text(pieces: 2, "a"), PiecePackingTests.text(pieces: 1, "b")], maxInputs: 8)
    #expect(conductor.tell(.pageRead(page)) == ["request 1 x3"])
    let refusal = EmbeddingFailure(.badInput, "no", badIndex: 0)
    // Nothing was answered before: the probe says that the endpoint works.
    var actions = conductor.tell(.requestFailed(Self.id(1), refusal))
    var condemned = 0
    var written = 0
    for _ in 0..<40 where !actions.contains("end 83") && !actions.contains("end complete") {
      var next: [String] = []
      for action in actions {
        if action.hasPrefix("settle"), action.contains("condemning") { condemned += 1 }
        if action.hasPrefix("request "), let number = Int(action.split(separator: " ")[1]) {
          let isBad = conductor.isOfFirstPiece(number)
          next += conductor.tell(
            isBad ? .requestFailed(Self.id(number), refusal) : .received(Self.id(number), Self.receipt), at: 1)
        } else if action.hasPrefix("write "), let number = Int(action.split(separator: " ")[1]) {
          #expect(action.hasSuffix("only 2"))
          written += 1
          next += conductor.tell(Self.written([(Self.id(number), rows: 1)]), at: 1)
        } else if action.hasPrefix("settle") {
          next += conductor.tell(.settled, at: 1)
        } else if action.hasPrefix("last") {
          next += conductor.tell(.lastKeyRead(nil), at: 1)
        } else if action.hasPrefix("wake") {
          next += conductor.tell(.woken, at: 100)
        }
      }
      actions = next
    }
    #expect(condemned == 1)
    #expect(written == 1)
    #expect(conductor.tally.written == 1)
  }
}

extension Conductor {
  /// Whether the request of that number asks for the first piece of the first row, alone or among others.
  fileprivate func isOfFirstPiece(_ number: Int) -> Bool {
    requested[ConductorTests.id(number)]?.batch.contents.texts.contains { $0.hasPrefix("a1 ") } ?? false
  }
}
