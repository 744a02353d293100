import Backfill
import CoreMetrics
import Pipeline
import Testing

@testable import Monitoring

struct RunMetricsTests {
  @Test func `counters go on over the rounds, though each round counts from zero`() {
    let monitor = monitor()
    for written in [10, 25, 7] {
      let board = ProgressBoard()
      monitor.beginRound(board)
      for step in 1...written {
        board.show(progress(written: step, tokens: 3 * step, cost: 0.5 * Double(step)))
        if step % 3 == 0 { _ = monitor.families() }
      }
      monitor.endRound(isComplete: true)
    }
    #expect(monitor.values(.rowsWritten) == ["": 42])
    #expect(monitor.values(.tokensBilled) == ["": 126])
    #expect(monitor.values(.cost) == ["": 21])
    #expect(monitor.values(.rounds) == ["": 3])
  }

  @Test func `many who look at once count nothing twice`() async {
    let monitor = monitor()
    let board = ProgressBoard()
    monitor.beginRound(board)
    await withDiscardingTaskGroup { group in
      for _ in 0..<4 {
        group.addTask { for _ in 0..<300 { _ = monitor.families() } }
      }
      for step in 1...2_000 { board.show(progress(written: step)) }
    }
    #expect(monitor.values(.rowsWritten) == ["": 2_000])
  }

  @Test func `what isn't known is missing, and comes and goes`() {
    let monitor = monitor()
    let board = ProgressBoard()
    for metric in [Metric.budget, .requestLimit, .tokenLimit, .cost, .exitCode, .lastSuccess, .rowsLeft] {
      #expect(monitor.values(metric) == [:], "\(metric)")
    }
    monitor.beginRound(board)
    var now = progress(written: 100)
    now.limits.requestsPerMinute = 500
    now.budget = 3
    board.show(now)
    #expect(monitor.values(.requestLimit) == ["": 500])
    #expect(monitor.values(.budget) == ["": 3])
    #expect(monitor.values(.rowsLeft) == ["": 900])
    now.limits.requestsPerMinute = nil
    board.show(now)
    #expect(monitor.values(.requestLimit) == [:])
    #expect(monitor.values(.cost) == [:])
  }

  @Test func `one reason to wait holds at a time, and none after the end`() {
    let monitor = monitor()
    let board = ProgressBoard()
    monitor.beginRound(board)
    var now = progress()
    for (waiting, expected) in [
      (Waiting.rate, ["rate": 1.0]), (.outage, ["rate": 0, "outage": 1]), (nil, ["rate": 0, "outage": 0]),
      (.outage, ["rate": 0, "outage": 1]),
    ] {
      now.waiting = waiting
      board.show(now)
      #expect(monitor.values(.waiting) == expected)
    }
    monitor.end(.unavailable)
    #expect(monitor.values(.waiting) == ["rate": 0, "outage": 0])
    #expect(monitor.values(.exitCode) == ["": 69])
    #expect(monitor.values(.runActive) == ["": 0])
  }

  @Test func `requests are told by their outcome, each from zero`() {
    let monitor = monitor()
    #expect(monitor.values(.requests).count == EmbeddingFailure.Kind.allCases.count + 1)
    #expect(monitor.values(.requests)["rate_limited"] == 0)
    let observer = RunObserver(requestFailed: { _ in }, condemned: { _ in }, counted: { _, _ in }).and(monitor.observer)
    let board = ProgressBoard()
    monitor.beginRound(board)
    Told.tell(observer)
    #expect(monitor.values(.requests)["rate_limited"] == 1)
    #expect(monitor.values(.requests)["answered"] == 1)
    #expect(monitor.values(.requestDuration) == ["": 1])
    #expect(monitor.values(.rowsCondemned) == ["bad_input": 1, "refused_by_database": 1])
  }

  @Test func `a run is ready from its first row until it is asked to stop`() {
    let monitor = monitor()
    #expect(!monitor.isReady)
    let board = ProgressBoard()
    monitor.beginRound(board)
    #expect(!monitor.isReady)
    board.show(progress())
    #expect(monitor.isReady)
    var stopping = progress()
    stopping.isStopping = true
    board.show(stopping)
    #expect(!monitor.isReady)
    board.show(progress())
    monitor.end(.complete)
    #expect(!monitor.isReady)
  }

  @Test func `percentiles are right to a hundredth, and an hour is the most`() throws {
    let store = MetricStore()
    let timed = try #require(store.makeTimer(label: Metric.requestDuration.rawValue, dimensions: []) as? TimedValue)
    #expect(store.seconds(of: .requestDuration, atPercentile: 50) == nil)
    for milliseconds in 1...1_000 { timed.recordNanoseconds(Int64(milliseconds) * 1_000_000) }
    for (percent, seconds) in [(50.0, 0.5), (95, 0.95), (99, 0.99), (100, 1)] {
      let told = try #require(store.seconds(of: .requestDuration, atPercentile: percent))
      #expect(abs(told - seconds) <= 0.011 * seconds, "\(percent): \(told)")
    }
    #expect(timed.current.counts == [25, 25, 50, 150, 250, 500, 0, 0, 0, 0, 0, 0, 0])
    for odd in [Int64.max, -1, Int64.min, 0] { timed.recordNanoseconds(odd) }
    #expect(timed.current.count == 1_004)
    #expect(try #require(store.seconds(of: .requestDuration, atPercentile: 100)) <= 3_700)
  }

  @Test func `what isn't a metric of ours is taken and dropped`() {
    let store = MetricStore()
    store.makeCounter(label: "other", dimensions: [("a", "b")]).increment(by: 1)
    store.makeTimer(label: "other", dimensions: []).recordNanoseconds(1)
    #expect(store.families == [])
  }
}
