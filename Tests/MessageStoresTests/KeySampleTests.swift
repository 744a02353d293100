import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

@Suite struct KeySampleTests {
  private static func isChosen(_ key: RowKey, by sample: KeySample) -> Bool {
    TextDigest(of: "\(key)\(sample.salt)").bytes.lexicographicallyPrecedes(sample.bound)
  }

  @Test(arguments: StoreKind.allCases)
  func `each database chooses the very rows of the sample, page by page`(kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    let keys = (1...400 as ClosedRange<Int64>).map(RowKey.integer)
    try await fixture.insert(keys.map { ($0, "text \($0)") })
    let store = try await fixture.open()
    _ = try await store.inspect(fixture.source, dimensions: 3, for: .reading)
    for sample in [KeySample(share: 0.3, seed: 1), KeySample(share: 0.3, seed: .max), KeySample(share: 1, seed: 2)] {
      var found: [RowKey] = []
      while true {
        let page = try await store.page(of: fixture.source, after: found.last, limit: 37, sample: sample)
        if page.isEmpty { break }
        found += page.map(\.key)
      }
      #expect(found == keys.filter { Self.isChosen($0, by: sample) })
      #expect(sample.share == 1 ? found.count == 400 : (80...160).contains(found.count))
    }
    await store.close()
  }

  @Test(arguments: [StoreKind.postgres18, .sqliteBlob])
  func `keys of text are sampled alike`(kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind, key: .text)
    let keys = (0..<200).map { RowKey.text("ключ'\($0)") }
    try await fixture.insert(keys.map { ($0, "text") })
    let store = try await fixture.open()
    let sample = KeySample(share: 0.5, seed: 5)
    let page = try await store.page(of: fixture.source, after: nil, limit: 1_000, sample: sample)
    #expect(Set(page.map(\.key)) == Set(keys.filter { Self.isChosen($0, by: sample) }))
    await store.close()
  }

  @Test(arguments: StoreKind.ofOddRows)
  func `keys of bytes and of several columns are sampled by their text`(kind: StoreKind) async throws {
    let bytes = (0..<200).map { RowKey.bytes([0xff, UInt8($0), 0]) }
    let composite = (0..<200).map { RowKey.composite([.integer(Int64($0 % 7)), .text("k\($0)"), .bytes([UInt8($0)])]) }
    for (columns, keys) in [(["id"], bytes), (["a", "b", "c"], composite)] {
      let source = Source(table: "messages", keys: columns)
      let fixture = try await StoreFixture(kind, key: keys[0].kind, source: source)
      try await fixture.insert(keys.map { ($0, "text") })
      let store = try await fixture.open()
      let sample = KeySample(share: 0.5, seed: 5)
      let page = try await store.page(of: source, after: nil, limit: 1_000, sample: sample)
      #expect(Set(page.map(\.key)) == Set(keys.filter { Self.isChosen($0, by: sample) }))
      await store.close()
    }
  }

  @Test func `a role that may only read can page, but not be taken for one that fills`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.insert([1: "one"])
    let role = "role_\(UUID().uuidString)"
    try await fixture.run(
      "CREATE ROLE \"\(role)\" LOGIN; GRANT SELECT (id, content, embedding) ON messages TO \"\(role)\"")
    let url = try DatabaseURL(fixture.url.replacing("postgres@", with: "\(role)@"))
    let store = try await url.openMessageStore(applicationName: "vecfill tests", for: .reading)
    _ = try await store.inspect(fixture.source, dimensions: 3, for: .reading)
    #expect(try await store.page(of: fixture.source, after: nil, limit: 10).map(\.text) == ["one"])
    let failure = await #expect(throws: Failure.self) {
      try await store.inspect(fixture.source, dimensions: 3, for: .filling)
    }
    #expect(failure?.exitCode == .denied)
    await store.close()
  }
}
