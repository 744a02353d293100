import Testing

@testable import Backfill

struct SpellingTests {
  @Test(arguments: [
    ("tabel", "table"), ("Table", "table"), ("tables", "table"), ("tble", "table"), ("wher", "where"),
    ("vectr", "vector"), ("batchSize", "batch_size"), ("batch-size", "batch_size"), ("btach_siez", "batch_size"),
    ("kye", "key"),
  ])
  func `a slip is understood`(word: String, meant: String) {
    let allowed = ["table", "schema", "key", "text", "vector", "where", "batch_size"]
    #expect(Spelling.nearest(to: word, in: allowed) == meant)
  }

  @Test(arguments: ["", "x", "id", "column", "password", "api_key", String(repeating: "table", count: 1000)])
  func `another word is not`(word: String) {
    #expect(Spelling.nearest(to: word, in: ["table", "schema", "key", "text", "vector", "where"]) == nil)
  }
}
