import Backfill
import Foundation
import TestSupport
import Testing

@testable import EmbeddingAPIs

/// A reply whose vectors were another request's: a gateway writes a reply twice, or a cache looks at no body.
@Suite(.timeLimit(.minutes(1)))
struct RepeatedReplyTests {
  /// Vectors of `texts`, whatever is asked for.
  private static func vectors(of texts: [String]) -> EmbeddingsServer.Response {
    let items = texts.enumerated().map { index, text in
      let values = EmbeddingsServer.vector(for: text, dimensions: 8).map { "\($0)" }.joined(separator: ",")
      return #"{"index":\#(index),"embedding":[\#(values)]}"#
    }
    return EmbeddingsServer.Response(200, body: #"{"data":[\#(items.joined(separator: ","))]}"#)
  }

  private static func texts(_ range: Range<Int>) -> [String] { range.map { "text \($0)" } }

  @Test(arguments: [2, 3, 10])
  func `the vectors of an earlier reply to other texts are no reply, and its connection is left`(
    count: Int
  ) async throws {
    let (first, second) = (Self.texts(0..<count), Self.texts(100..<100 + count))
    let rules: [EmbeddingsServer.Rule] = [.requests([1, 2], .respondTo { _ in Self.vectors(of: first) })]
    try await EmbeddingsServer.run(rules: rules) { server in
      let embedder = try server.embedder(base64: false) { $0.doubtsRepeats = true }
      #expect(try await embedder.embed(first).vectors.count == count)
      #expect(try await embedder.embed(first).vectors.count == count, "equal texts have equal vectors")
      let failure = await caught { try await embedder.embed(second) }
      #expect(failure?.kind == .brokenReply && failure?.mayHaveBeenBilled == true && failure?.badIndex == nil)
      #expect(failure?.reason.contains("vectors of an earlier reply") == true, "\(String(describing: failure))")
      let reply = try await embedder.embed(second)
      #expect(reply.vectors[0].elementsEqual(EmbeddingsServer.vector(for: second[0], dimensions: 8)))
      #expect(server.record.acceptedConnections == 2)
    }
  }

  @Test(arguments: [2, 5])
  func `one vector for all of several texts is no reply, and for equal texts it is one`(count: Int) async throws {
    let same = Self.vectors(of: Array(repeating: "one", count: count))
    try await EmbeddingsServer.run(rules: [.always(.respondTo { _ in same })]) { server in
      let embedder = try server.embedder(base64: false) { $0.doubtsRepeats = true }
      let failure = await caught { try await embedder.embed(Self.texts(0..<count)) }
      #expect(failure?.kind == .brokenReply)
      #expect(failure?.reason.contains("same vector for all of its texts") == true)
      let other = try server.embedder(base64: false) { $0.doubtsRepeats = true }
      #expect(try await other.embed(Array(repeating: "equal", count: count)).vectors.count == count)
    }
  }

  @Test func `who compares vectors sees equal ones`() async throws {
    let same = Self.vectors(of: ["one", "one"])
    try await EmbeddingsServer.run(rules: [.always(.respondTo { _ in same })]) { server in
      let embedder = try server.embedder(base64: false)
      for texts in [["a", "b"], ["c", "d"]] { #expect(try await embedder.embed(texts).vectors.count == 2) }
    }
  }

  @Test(arguments: ["null", "[]", "[0,0,0,0,0,0,0,0]"])
  func `texts that get no vector, each behind a harmless one, are no repeated replies`(vector: String) async throws {
    let harmless = EmbeddingsServer.vector(for: "vecfill", dimensions: 8).map { "\($0)" }.joined(separator: ",")
    let body = #"{"data":[{"index":0,"embedding":[\#(harmless)]},{"index":1,"embedding":\#(vector)}]}"#
    try await EmbeddingsServer.run(rules: [.always(.respondTo { _ in .init(200, body: body) })]) { server in
      let embedder = try server.embedder(base64: false) { $0.doubtsRepeats = true }
      for text in ["first", "second", "third"] {
        let reply = try await embedder.embed(Input.harmless.texts + [text])
        #expect(reply.unusable.keys.sorted() == [1], "\(text)")
      }
    }
  }

  @Test(arguments: [3, 4, 100])
  func `what is under way when many texts get the vectors of others isn't taken, and what is asked later is`(count: Int)
  {
    var seen = SeenReplies()
    func tags(_ first: Int) -> VectorTags {
      VectorTags(of: (first..<first + 2 * count).map(Float.init), dimensions: 2)
    }
    let asked = [0, 1000, 2000, 3000].map { seen.question(Self.texts($0..<$0 + count)) }
    #expect(seen.fault(of: tags(0), to: asked[0]) == nil)
    // From here on each has its forerunner's vectors.
    let isOfMany = count > 3
    let fault = seen.fault(of: tags(0), to: asked[1])
    #expect(fault?.isOfMany == isOfMany && fault?.reason.contains("an earlier reply") == true)
    for (first, question) in [(1000, asked[2]), (2000, asked[3])] {
      let fault = seen.fault(of: tags(first), to: question)
      #expect((fault != nil) == isOfMany && fault?.isOfMany != true)
    }
    guard isOfMany else { return }
    for first in [3000, 2000, 1000] {
      let question = seen.question(Self.texts(first..<first + count))
      let fault = seen.fault(of: tags(first), to: question)
      #expect(fault == nil, "\(first)")
    }
  }

  // MARK: Replies that prove to be their request's own

  /// A question whose harmless texts stand at 1 and 3, and what the reply has in their places.
  @Test(arguments: [
    (vectors: ["a", "vecfill", "b", "vecfill"], isOwn: true), (["a", "c", "b", "c"], true),
    (["a", "vecfill", "vecfill", "b"], false), (["vecfill", "a", "b", "vecfill"], false),
    (["d", "e", "f", "g"], false),
  ])
  func `a reply is taken if the text that stands in it twice has one vector`(vectors: [String], isOwn: Bool)
    async throws
  {
    let rules: [EmbeddingsServer.Rule] = [.always(.respondTo { _ in Self.vectors(of: vectors) })]
    try await EmbeddingsServer.run(rules: rules) { server in
      let embedder = try server.embedder(base64: false) { $0.doubtsRepeats = true }
      for _ in 1...2 {
        let failure = await caught { try await embedder.embed(["x", "vecfill", "y", "vecfill"]) }
        #expect((failure == nil) == isOwn)
        #expect(failure?.disorder == (isOwn ? nil : .otherTexts))
        #expect(isOwn || failure?.reason.contains("two different vectors for the same text") == true)
      }
    }
  }

  @Test(arguments: ["null", "[0,0,0,0,0,0,0,0]"])
  func `a reply without a vector for the text that stands in it twice is not taken`(vector: String) async throws {
    let own = EmbeddingsServer.vector(for: "a", dimensions: 8).map { "\($0)" }.joined(separator: ",")
    let body =
      #"{"data":[{"index":0,"embedding":\#(vector)},{"index":1,"embedding":[\#(own)]},{"index":2,"embedding":\#(vector)}]}"#
    try await EmbeddingsServer.run(rules: [.always(.respondTo { _ in .init(200, body: body) })]) { server in
      let embedder = try server.embedder(base64: false) { $0.doubtsRepeats = true }
      let failure = await caught { try await embedder.embed(["vecfill", "a", "vecfill"]) }
      #expect(failure?.kind == .brokenReply && failure?.disorder == nil)
    }
  }

  // MARK: A text alone

  /// Of one vector, or of two, the first of which is a harmless text's.
  private static func tags(_ values: Float...) -> VectorTags {
    VectorTags(of: values, dimensions: 2, alone: values.count == 4 ? 1 : nil)
  }

  @Test func `a text alone with another's vector is doubted, and taken beside a harmless one that has its own`() {
    var seen = SeenReplies()
    #expect(seen.fault(of: Self.tags(1, 2), to: seen.question(["OK"])) == nil)
    #expect(seen.fault(of: Self.tags(1, 2), to: seen.question(["ok"])) != nil)
    #expect(seen.fault(of: Self.tags(5, 6, 1, 2), to: seen.question(["vecfill", "ok"])) == nil)
    #expect(seen.fault(of: Self.tags(5, 6, 1, 2), to: seen.question(["vecfill", "Ok"])) != nil, "not yet asked alone")
    #expect(seen.fault(of: Self.tags(1, 2), to: seen.question(["Ok"])) != nil)
    #expect(seen.fault(of: Self.tags(5, 6, 1, 2), to: seen.question(["vecfill", "Ok"])) == nil)
    #expect(seen.fault(of: Self.tags(5, 6, 1, 2), to: seen.question(["vecfill", "else"])) != nil)
  }

  @Test func `where only single texts are taken, an answer with another vector between is the proof`() {
    var seen = SeenReplies()
    #expect(seen.fault(of: Self.tags(1, 2), to: seen.question(["OK"])) == nil)
    for _ in 0..<3 { #expect(seen.fault(of: Self.tags(1, 2), to: seen.question(["ok"])) != nil) }
    let question = seen.question(["ok"])
    #expect(seen.fault(of: Self.tags(3, 4), to: seen.question(["vecfill"])) == nil)
    #expect(seen.fault(of: Self.tags(1, 2), to: question) == nil)
    #expect(seen.fault(of: Self.tags(1, 2), to: seen.question(["Ok"])) != nil, "each text is doubted once")
  }

  @Test func `a text that others share their vector with is doubted once, and so is the first of them`() {
    var seen = SeenReplies()
    #expect(seen.fault(of: Self.tags(1, 2), to: seen.question(["OK"])) == nil)
    for text in ["ok", "Ok", "OK"] {
      #expect(seen.fault(of: Self.tags(1, 2), to: seen.question([text])) != nil, "\(text)")
      #expect(seen.fault(of: Self.tags(5, 6, 1, 2), to: seen.question(["vecfill", text])) == nil, "\(text)")
    }
    #expect(seen.fault(of: Self.tags(3, 4), to: seen.question(["another"])) == nil)
    for text in ["OK", "ok", "Ok", "OK"] {
      #expect(seen.fault(of: Self.tags(1, 2), to: seen.question([text])) == nil, "\(text)")
    }
  }

  @Test func `a harmless text fails too where one vector is given to all`() {
    var alone = SeenReplies()
    for text in ["vecfill", "a", "b"] {
      #expect((alone.fault(of: Self.tags(1, 2), to: alone.question([text])) == nil) == (text == "vecfill"))
    }
    #expect(alone.fault(of: Self.tags(1, 2), to: alone.question(["vecfill"])) != nil)
    var together = SeenReplies()
    #expect(together.fault(of: Self.tags(1, 2, 1, 2), to: together.question(["a", "b"])) != nil)
    #expect(together.fault(of: Self.tags(1, 2), to: together.question(["vecfill"])) != nil)
  }

  @Test func `the last replies are remembered, however many come`() {
    var seen = SeenReplies()
    for number in 0..<2_000 {
      #expect(seen.fault(of: Self.tags(1, Float(number)), to: seen.question(["text \(number)"])) == nil)
    }
    #expect(seen.fault(of: Self.tags(1, 1_999), to: seen.question(["other"])) != nil)
    #expect(seen.fault(of: Self.tags(1, 1_800), to: seen.question(["another"])) != nil)
  }
}
