import Backfill
import PgVector
import Testing

/// What is known of pgvector, and that estimate and build go by the same.
@Suite struct PgVectorTests {
  @Test(
    arguments: [
      (VectorType.vector, 2000, "USING hnsw (\"v\" vector_cosine_ops) WITH (m = 16, ef_construction = 64)"),
      (.vector, 2001, "USING hnsw ((\"v\"::halfvec(2001)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 64)"),
      (.vector, 4000, "USING hnsw ((\"v\"::halfvec(4000)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 64)"),
      (.vector, 4001, nil),
      (.halfvec, 3072, "USING hnsw (\"v\" halfvec_cosine_ops) WITH (m = 16, ef_construction = 64)"),
      (.halfvec, 4001, nil),
    ] as [(VectorType, Int, String?)])
  func `an index is made as far as pgvector holds one, and estimated just then`(
    _ type: VectorType, _ dimensions: Int, _ body: String?
  ) {
    #expect(HNSWIndex(column: "v", type: type, dimensions: dimensions, in: nil)?.body == body)
    let storage: VectorStorage = type == .vector ? .vector : .halfvec
    #expect((storage.indexBytes(rows: 10, dimensions: dimensions) == nil) == (body == nil))
    #expect((storage.indexMemoryBytes(rows: 10, dimensions: dimensions) == nil) == (body == nil))
  }

  @Test func `vectors of 3072 dimensions are measured in the index as the halfvec that they are there`() {
    let (vector, half) = (VectorStorage.vector, VectorStorage.halfvec)
    #expect(vector.bytesPerRow(dimensions: 3072) == 12_296)
    #expect(vector.indexBytes(rows: 1000, dimensions: 3072) == half.indexBytes(rows: 1000, dimensions: 3072))
    #expect(vector.indexMemoryBytes(rows: 1000, dimensions: 3072) == 1000 * (6152 + 128 + 640))
    #expect(VectorStorage.json.indexBytes(rows: 1000, dimensions: 8) == nil)
  }

  @Test func `every name of pgvector's is qualified by its schema`() {
    let pgvector = PgVector(schema: "my \"ext\"", version: "0.8.3")
    let body = HNSWIndex(column: "v", type: .vector, dimensions: 3072, in: pgvector)?.body
    #expect(body?.contains("(\"v\"::\"my \"\"ext\"\"\".halfvec(3072)) \"my \"\"ext\"\"\".halfvec_cosine_ops") == true)
  }

  @Test(arguments: [("0.8.2", true), ("0.5.1", true), ("0.8.3", false), ("0.8.10", false), ("1.0", false)])
  func `an unsafe version is warned of`(_ version: String, _ isUnsafe: Bool) {
    #expect((PgVector.warning(ofVersion: version) != nil) == isUnsafe)
  }

  @Test(arguments: [
    (Source(table: "messages"), "idx_messages_embedding_missing"),
    (Source(table: "My Notes", vector: "Vec"), "idx_my_notes_vec_missing"),
    (Source(schema: "s", table: "a_b"), "idx_a_b_embedding_missing"),
  ])
  func `an index is called by its table and column`(_ source: Source, _ name: String) {
    #expect(IndexName.of(source, IndexName.Suffix.missing).plain == name)
  }

  @Test(arguments: [
    [Source(table: "a", vector: "b_c"), Source(table: "a_b", vector: "c"), Source(table: "A_b", vector: "c")],
    [Source(table: "a", vector: "b c"), Source(table: "a b", vector: "c"), Source(table: "a", vector: "b__c")],
  ])
  func `columns whose names make the same words have names that tell them apart`(_ sources: [Source]) {
    let names = sources.map { IndexName.of($0, IndexName.Suffix.missing) }
    #expect(Set(names.map(\.exact)).count == names.count)
    #expect(Set(names.map(\.exact)).isDisjoint(with: names.map(\.plain)))
    #expect(names.flatMap(\.both).allSatisfy { $0.utf8.count <= 63 })
  }

  /// The plain one in the eyes of a column, and the one that it gets.
  @Test(
    arguments: [
      ([:], true, "plain"), ([:], false, "exact"), (["plain": true], false, "plain"), (["plain": false], true, "exact"),
      (["exact": true], true, "exact"), (["exact": true, "plain": true], true, "exact"),
    ] as [([String: Bool], Bool, String)])
  func `a name that was given stays, and another column's is never taken`(
    _ there: [String: Bool], _ isFree: Bool, _ chosen: String
  ) {
    let name = IndexName.of(Source(table: "t"), IndexName.Suffix.missing)
    let found = there.map { ($0.key == "plain" ? name.plain : name.exact, $0.value) }
    let given = name.chosen(isFree: isFree) { name in found.first { $0.0 == name }?.1 }
    #expect(given == (chosen == "plain" ? name.plain : name.exact))
  }

  @Test(arguments: [
    [Source(table: "a-b"), Source(table: "a_b")], [Source(table: "\u{0441}"), Source(table: "\u{0437}")],
    [Source(table: String(repeating: "x", count: 60) + "1"), Source(table: String(repeating: "x", count: 60) + "2")],
  ])
  func `names that would be equal are told apart, and none is longer than PostgreSQL takes`(_ sources: [Source]) {
    let names = sources.map { IndexName.of($0, IndexName.Suffix.missing).plain }
    #expect(Set(names).count == names.count)
    #expect(names.allSatisfy { $0.utf8.count <= 63 })
  }
}
