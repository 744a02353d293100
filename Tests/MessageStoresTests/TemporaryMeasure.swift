import Backfill
import Foundation
import MessageStores
import TestSupport
import Testing

@Suite(.serialized) struct TemporaryMeasure {
  @Test(arguments: StoreKind.allCases)
  func `measure`(_ kind: StoreKind) async throws {
    guard ProcessInfo.processInfo.environment["MEASURE"] != nil else { return }
    let fixture = try await StoreFixture(
      kind, column: kind == .sqliteVector ? "VECTOR(1536)" : kind == .sqliteBlob ? "BLOB" : "vector(1536)")
    try await fixture.run(
      kind.isPostgres
        ? "INSERT INTO messages SELECT n, repeat('text ' || n || ' ', 25) FROM generate_series(1, 20000) AS n"
        : """
        INSERT INTO messages (id, content)
        WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000) SELECT n, 'text text text text text text text text text text text text text text text text text text text text text text text text text text text text text text text text text text ' || n FROM s
        """)
    let store = try await fixture.open()
    _ = try await store.inspect(fixture.source, dimensions: 1536)
    let clock = ContinuousClock()
    var messages: [Message] = []
    let paging = try await clock.measure {
      while true {
        let page = try await store.page(of: fixture.source, after: messages.last?.key, limit: 1000)
        if page.isEmpty { break }
        messages += page
      }
    }
    let vector = (0..<1536).map { _ in Float.random(in: -0.1...0.1) }
    let rows = messages.map { EmbeddedRow($0.key, $0.text ?? "", vector) }
    for size in [100, 1000] {
      try await fixture.run("UPDATE messages SET embedding = NULL")
      var written = 0
      let before = clock.now
      for start in stride(from: 0, to: rows.count, by: size) {
        written += try await store.write(Array(rows[start..<min(start + size, rows.count)]), to: fixture.source).count
      }
      say(kind, "write by", size, written, Double(rows.count) / ((clock.now - before) / .seconds(1)), "rows/s")
    }
    let counting = try await clock.measure { _ = try await store.countRemaining(in: fixture.source) }
    let nearest = try await clock.measure { _ = try await store.nearest(to: vector, in: fixture.source, limit: 10) }
    say(kind, "page", Double(messages.count) / (paging / .seconds(1)), "rows/s; count", counting, "nearest", nearest)
    await store.close()
  }
}
func say(_ items: Any...) {
  FileHandle.standardError.write(Data(("MEASURE " + items.map { "\($0)" }.joined(separator: " ") + "\n").utf8))
}
