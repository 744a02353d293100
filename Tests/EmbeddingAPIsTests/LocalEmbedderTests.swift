import Backfill
import EmbeddingAPIs
import Testing

struct LocalEmbedderTests {
  @Test(arguments: ["!", "👍", "a", "日", "\u{301}", "\u{FEFF}", "-_-", "0", "\u{E000}"], [1, 2, 3, 8, 1_536])
  func `no text that is not blank has a zero vector`(_ text: String, _ dimensions: Int) async throws {
    let vector = try await LocalEmbedder(dimensions: dimensions).embed([text]).vectors[0]
    #expect(vector.contains { $0 != 0 })
  }

  @Test func `features that cancel each other out leave a vector too`() async throws {
    let texts = (0..<2_000).map { "\($0) \($0 * 7)" }
    let vectors = try await LocalEmbedder(dimensions: 1).embed(texts).vectors
    #expect(vectors.values.allSatisfy { abs($0) == 1 })
  }

  /// The bits were printed by this very code on x86_64: another platform, or a change of the algorithm, shows here.
  @Test(arguments: [
    (
      "The quick brown fox",
      [1_056_306_420, 3_200_832_171, 3_196_977_365, 1_049_493_717, 1_053_348_523, 3_196_977_365, 3_203_790_068, 0]
        as [UInt32]
    ),
    (
      "Ünïcödé, ЁЖ 中文 ١٢٣ 👩‍👩‍👧",
      [1_057_765_260, 1_046_804_782, 1_046_804_782, 3_198_281_883, 3_200_666_615, 0, 3_194_288_430, 1_057_765_260]
    ),
  ])
  func `a vector has the same bits everywhere`(_ text: String, _ bits: [UInt32]) async throws {
    let vector = try await LocalEmbedder(dimensions: 8).embed([text]).vectors[0]
    #expect(vector.map(\.bitPattern) == bits)
  }

  @Test(arguments: [
    ("How do I reset my password?", "I forgot my PASSWORD, how can it be reset", "The train to Bern leaves at nine"),
    ("Wie backe ich Brot?", "Brot backen ohne Hefe", "Der Vertrag wurde gekündigt"),
    ("今日の天気は晴れです", "明日の天気は雨です", "彼は銀行で働いている"),
    ("embedding backfill", "backfilling the embeddings", "a walk in the park"),
  ])
  func `texts that share words are nearer than those that do not`(
    _ text: String, _ near: String, _ far: String
  ) async throws {
    let vectors = try await LocalEmbedder(dimensions: 1_536).embed([text, near, far]).vectors
    func cosine(_ other: Int) -> Float { zip(vectors[0], vectors[other]).reduce(0) { $0 + $1.0 * $1.1 } }
    #expect(cosine(1) > 0.15)
    #expect(cosine(1) > 2 * cosine(2))
  }

  @Test func `case does not matter`() async throws {
    let vectors = try await LocalEmbedder(dimensions: 64).embed(["ÄRGER Über Straße", "ärger über straße"]).vectors
    #expect(vectors[0].elementsEqual(vectors[1]))
  }

  @Test func `a text of a megabyte without a space is embedded`() async throws {
    let text = String(repeating: "0123456789abcdef", count: 65_536)
    let reply = try await LocalEmbedder(dimensions: 256).embed([text])
    #expect(reply.vectors.values.allSatisfy { $0.isFinite })
    #expect(reply.billedTokens == 0)
  }
}
