import Testing

@testable import Backfill

/// Replies that show, whatever their texts are, that the provider can't be trusted.
extension ConductorTests {
  @Test func `a reply of another model blames no text: the request is sent again whole, and the fourth ends the run`() {
    var conductor = Self.conductor(concurrency: 1)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...4)))
    _ = conductor.tell(.received(Self.id(1), Self.receipt), at: 1)
    var failure = EmbeddingFailure(.misconfigured, "it comes from the model b", status: 200, mayHaveBeenBilled: true)
    failure.disorder = .otherModel
    for time in [100.0, 200, 300] {
      _ = conductor.tell(.requestFailed(Self.id(2), failure), at: time)
      #expect(!conductor.isStopping)
      #expect(conductor.tell(.woken, at: time + 90).contains("request 2 x2 again"))
    }
    _ = conductor.tell(.requestFailed(Self.id(2), failure), at: 400)
    #expect(conductor.isStopping)
    #expect(conductor.tally.quarantined == 0)
  }

  @Test(arguments: [0, 1, 99, 100, 1000])
  func `a hundred answers in a row make up for what was not to be trusted before`(answers: Int) {
    var disorders = Disorders()
    for _ in 0..<3 {
      let ends = disorders.add()
      #expect(!ends)
    }
    for _ in 0..<answers { disorders.answered() }
    let ends = disorders.add()
    #expect(ends == (answers < 100))
  }
}
