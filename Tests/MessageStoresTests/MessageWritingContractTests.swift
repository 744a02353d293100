import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

@Suite struct MessageWritingContractTests {
  @Test(arguments: StoreKind.allCases)
  func `only rows that still hold the text and lack a vector are written`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert([1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "caf\u{e9}"])
    let store = try await fixture.open()
    let page = try await store.page(of: fixture.source, after: nil, limit: 9)
    try await fixture.run(
      """
      UPDATE messages SET content = 'two, edited' WHERE id = 2;
      DELETE FROM messages WHERE id = 3;
      UPDATE messages SET content = NULL WHERE id = 6;
      UPDATE messages SET content = 'cafe\u{301}' WHERE id = 7;
      """)
    try await fixture.fill(4, with: [9, 9, 9])
    let vectors = Vectors(dimensions: 3, values: (0..<21).map { Float($0) / 7 })
    let rows = page.enumerated().map { index, message in
      EmbeddedRow(key: message.key, digest: TextDigest(of: message.text ?? ""), vector: vectors[index])
    }
    #expect(try await store.write(rows, to: fixture.source).written == [1, 5])
    #expect(
      try await fixture.vectors() == ["1": Array(vectors[0]), "4": [9, 9, 9], "5": Array(vectors[4])])

    #expect(try await store.write(rows, to: fixture.source).written == [])
    #expect(try await store.write([], to: fixture.source).written == [])
    #expect(try await store.countRemaining(in: fixture.source) == 3)
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `a vector that does not fit is refused before anything is written`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert([1: "one", 2: "two"])
    let store = try await fixture.open()
    _ = try await store.inspect(fixture.source, dimensions: 3)
    for bad in [[1, 2], [1, 2, 3, 4], [], [1, .nan, 3], [1, 2, -.infinity]] as [[Float]] {
      let rows = [EmbeddedRow(1, "one", [1, 2, 3]), EmbeddedRow(2, "two", bad)]
      let failure = await #expect(throws: Failure.self) { try await store.write(rows, to: fixture.source).written }
      #expect(failure?.exitCode == .badData)
      #expect(failure?.subject == "messages id 2")
      await #expect(throws: Failure.self) { try await store.nearest(to: bad, in: fixture.source, limit: 1) }
    }
    #expect(try await fixture.vectors().isEmpty)
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `extreme floats come back bit by bit`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert([1: "one", 2: "two"])
    let store = try await fixture.open()
    let (small, great): ([Float], [Float]) = (
      [.leastNonzeroMagnitude, -.leastNormalMagnitude, 1.0e-5], [.greatestFiniteMagnitude, 0.1, -16_777_215]
    )
    let rows = [EmbeddedRow(1, "one", small), EmbeddedRow(2, "two", great)]
    #expect(try await store.write(rows, to: fixture.source).written == [1, 2])
    #expect(try await fixture.vectors() == ["1": small, "2": great])
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `many rows are written in one call`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.run(
      kind.isPostgres
        ? "INSERT INTO messages SELECT n, 'text ' || n FROM generate_series(1, 2500) AS n"
        : """
        INSERT INTO messages (id, content)
        WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 2500) SELECT n, 'text ' || n FROM s
        """)
    let store = try await fixture.open()
    let page = try await store.page(of: fixture.source, after: nil, limit: 2500)
    let rows = page.enumerated().map { EmbeddedRow($1.key, $1.text ?? "", [Float($0), 0.5, 1]) }
    #expect(try await store.write(rows, to: fixture.source).written.count == 2500)
    let vectors = try await fixture.vectors()
    #expect(vectors.count == 2500)
    #expect(vectors.allSatisfy { key, vector in vector == [(Float(key) ?? 0) - 1, 0.5, 1] })
    #expect(try await store.countRemaining(in: fixture.source) == 0)
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `the nearest come by cosine distance, nearest first`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert([1: "same", 2: "opposite", 3: "right angle", 4: "near", 5: "none", 6: nil])
    let vectors: [RowKey: [Float]] = [1: [2, 0, 0], 2: [-1, 0, 0], 3: [0, 5, 0], 4: [1, 0.1, 0], 6: [0, 1, 1]]
    for (key, vector) in vectors { try await fixture.fill(key, with: vector) }
    let store = try await fixture.open()
    let found = try await store.nearest(to: [1, 0, 0], in: fixture.source, limit: 9)
    #expect(found.map(\.text).first == "same")
    #expect(found.map(\.text).last == "opposite")
    #expect(found.map(\.key).prefix(2) == [1, 4])
    #expect(Set(found.map(\.key)) == [1, 2, 3, 4, 6])
    for (neighbour, distance) in zip(found, [0, 0.00496, 1, 1, 2]) {
      #expect(abs(neighbour.distance - distance) < 1e-4)
    }
    #expect(try await store.nearest(to: [1, 0, 0], in: fixture.source, limit: 2).map(\.key) == [1, 4])
    #expect(try await store.nearest(to: [1, 0, 0], in: fixture.source, limit: 0).isEmpty)
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `the original application's tables are filled`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(bare: kind)
    try await fixture.run(OriginalSchema.script(for: kind))
    let store = try await fixture.open()
    for source in OriginalSchema.sources {
      let shape = try await store.inspect(source, dimensions: 1536)
      #expect(shape.keyKind == .integer)
      #expect(shape.vectorType == fixture.vectorType(1536))
      let page = try await store.page(of: source, after: nil, limit: 100)
      #expect(page.map(\.text) == ["Was ist\nGnade?", "Grace is a gift."])
      let rows = page.enumerated().map { index, message in
        EmbeddedRow(message.key, message.text ?? "", (0..<1536).map { $0 == index ? 1 : 0.001 })
      }
      #expect(try await store.write(rows, to: source).written.count == 2)
      #expect(try await store.countRemaining(in: source) == 0)
      let nearest = try await store.nearest(to: Array(rows[1].vector), in: source, limit: 5)
      #expect(nearest.map(\.text) == ["Grace is a gift.", "Was ist\nGnade?"])
    }
    await store.close()
  }
}
