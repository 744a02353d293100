import Backfill
import Testing

/// Columns with vectors of which nobody recorded what they are made of.
extension ConductorTests {
  private static func comparing(_ sources: [String] = ["a"]) -> Conductor {
    let texts = (1...4).map { Input(texts: ["text \($0)"], tokens: [3], isExact: true) }
    let job = Job(
      name: "job", sources: sources.map { Source(table: $0) }, model: Model(name: "model", dimensions: 3), batchSize: 2,
      concurrency: 4)
    return Conductor(
      job: job, policy: RunPolicy(), run: 1, watermarks: sources.map { _ in nil },
      spooled: [Conductor.Spooled(id: BatchID(run: 0, number: 1), source: 0, rows: 2)], spent: 0, preparesWriting: true,
      compared: sources.indices.map { ($0, Batch.Contents(inputs: texts, rows: [])) })
  }

  @Test func `nothing is read, written or dropped before a comparison has passed and is recorded`() {
    var conductor = Self.comparing()
    #expect(conductor.tell(.started) == ["request 1 x4"])
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == ["compare 1"])
    #expect(conductor.tell(.compared(Self.id(1), source: 0, alike: 4)) == ["prove 0", "settle 1"])
    #expect(conductor.tell(.settled) == [])
    #expect(conductor.tell(.proven(source: 0)) == ["prepare", "write 1"])
  }

  @Test func `vectors of another model end the run with nothing written`() {
    var conductor = Self.comparing()
    _ = conductor.tell(.started)
    _ = conductor.tell(.received(Self.id(1), Self.receipt))
    let failure = Failure(.configuration, "a.embedding", "another model's")
    #expect(conductor.tell(.comparisonFailed(Self.id(1), failure)) == ["settle 1"])
    #expect(conductor.tell(.settled) == ["end 78"])
  }

  @Test func `each source is read once its own and all other comparisons have passed`() {
    var conductor = Self.comparing(["a", "b"])
    #expect(conductor.tell(.started) == ["request 1 x4"])
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == ["request 2 x4", "compare 1"])
    #expect(conductor.tell(.compared(Self.id(1), source: 0, alike: 4)) == ["prove 0", "settle 1"])
    #expect(conductor.tell(.proven(source: 0)) == [])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt)) == ["compare 2"])
    #expect(conductor.tell(.compared(Self.id(2), source: 1, alike: 4)) == ["prove 1"])
    #expect(conductor.tell(.proven(source: 1)).contains("write 1"))
  }

  @Test func `a text that is refused in a comparison is left out, and its row is not condemned`() {
    var conductor = Self.comparing()
    _ = conductor.tell(.started)
    let refusal = EmbeddingFailure(.badInput, "refused", status: 400, badIndex: 1)
    #expect(conductor.tell(.requestFailed(Self.id(1), refusal)).first == "request 2 x1")
    #expect(conductor.tell(.received(Self.id(2), Self.receipt)).first == "request 3 x1")
  }

  @Test func `where no text could be compared the run ends and says so`() {
    var conductor = Self.comparing()
    _ = conductor.tell(.started)
    _ = conductor.tell(.received(Self.id(1), Self.receipt))
    #expect(conductor.tell(.compared(Self.id(1), source: 0, alike: 0)) == ["settle 1"])
    #expect(conductor.tell(.settled) == ["end 78"])
  }
}
