import Backfill
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// A reply in which single vectors can't be used: the others count, and each vector stays with its text.
@Suite(.timeLimit(.minutes(1)))
struct FlawedVectorTests {
  static let texts = ["first", "a POISON text", "third", "fourth"]

  @Test(arguments: EmbeddingsServer.Flaw.allCases, [true, false])
  func `a text whose vector can't be used is named, and the others have theirs`(
    _ flaw: EmbeddingsServer.Flaw, _ base64: Bool
  ) async throws {
    try await EmbeddingsServer.run(rules: [.vectors(of: "POISON", flaw)]) { server in
      let embedder = try server.embedder(base64: base64)
      let reply = try await embedder.embed(Self.texts)
      #expect(Set(reply.unusable.keys) == [1])
      #expect(reply.unusable[1]?.contains(Self.words(flaw, base64)) == true, "\(reply.unusable)")
      #expect(reply.vectors.count == 4)
      #expect(reply.vectors[1].allSatisfy { $0 == 0 })
      for index in [0, 2, 3] {
        #expect(reply.vectors[index].elementsEqual(EmbeddingsServer.vector(for: Self.texts[index], dimensions: 8)))
      }
      #expect(reply.billedTokens == server.record.billedTokens)
    }
  }

  @Test(arguments: EmbeddingsServer.Flaw.allCases)
  func `a reply without any vector that can be used is broken`(_ flaw: EmbeddingsServer.Flaw) async throws {
    try await EmbeddingsServer.run(rules: [.vectors(of: "POISON", flaw)]) { server in
      let embedder = try server.embedder()
      for texts in [["POISON"], ["POISON", "more POISON"]] {
        let failure = await caught { try await embedder.embed(texts) }
        #expect(failure?.kind == .brokenReply)
        #expect(failure?.mayHaveBeenBilled == true)
      }
      #expect(server.record.billed.count == 2)
    }
  }

  static func words(_ flaw: EmbeddingsServer.Flaw, _ base64: Bool) -> String {
    switch flaw {
    case .notANumber, .infinite: "not finite"
    case .zeros: "all zeros"
    case .null: "vector is null"
    case .nullValue: "no number"
    case .short: "7 dimensions where 8"
    case .long: "9 dimensions where 8"
    case .noVector, .missing: "no vector for it"
    case .garbled: base64 ? "not base64" : "base64"
    }
  }

  @Test(arguments: [
    "[NaN,1]", "[nan,1]", "[1,-Infinity]", "[1,inf]", "[1e999,1]", "[1,-3.5e38]", "[0,0]", "[0.0,-0]", "[1e-60,0]",
    "[1e20,1e20]", "[-2e19,0]", "[1e-25,1e-25]", "[0,1e-20]",
    "[null,1]", #"["NaN",1]"#, "[true,1]", "[[1,2]]", "[]", "[1]", "[1,2,3]", "null", "{}", "7", "true", "\"\"",
    "\"AAAA\"",
    "\"AAAAAAAAAAA=\"", "\"AACAfwAAgD8=\"", "\"none\"",
  ])
  func `a vector in whatever way wrong leaves its neighbours alone`(_ embedding: String) async throws {
    let items = #"{"index":0,"embedding":[1,2]},{"index":1,"embedding":\#(embedding)},{"index":2,"embedding":[3,4]}"#
    let reply = try await reply(#"{"data":[\#(items)],"model":"text-embedding-3-small"}"#)
    #expect(Set(reply.unusable.keys) == [1])
    #expect(reply.vectors.values == [1, 2, 0, 0, 3, 4])
  }

  @Test(
    arguments: [
      ([0, 1, 2], [0, 1, 2]), ([2, 0, 1], [1, 2, 0]), ([nil, nil, nil], [0, 1, 2]), ([nil, 1, 2], [0, 1, 2]),
      ([nil, 2, 1], [0, 2, 1]), ([0, 2], [0, nil, 1]), ([2], [nil, nil, 0]), ([nil, 2], [0, nil, 1]),
      ([2, 1], [nil, 1, 0]),
    ] as [([Int?], [Int?])])
  func `each text has the vector of its index, or of its place where none is told`(
    _ indices: [Int?], _ expected: [Int?]
  ) async throws {
    let reply = try await reply(Self.document(indices))
    for (text, place) in expected.enumerated() {
      #expect(reply.vectors[text].elementsEqual(place.map { [1, Float($0)] } ?? [0, 0]))
    }
    #expect(Set(reply.unusable.keys) == Set(expected.indices.filter { expected[$0] == nil }))
  }

  /// A server that leaves a text out and numbers the others anew would give each its neighbour's vector.
  @Test(
    arguments: [
      [0, 1], [0], [1, 0], [nil, nil], [nil], [nil, 1], [], [0, nil, 2], [0, nil, nil], [nil, nil, 2], [nil, 0, 1],
      [0, 0, 1], [0, 1, 3], [0, 1, -1], [1, 2, 2], [nil, 1, nil], [0, 1, 2, 3],
    ] as [[Int?]])
  func `a reply whose places can't be told is broken whole`(_ indices: [Int?]) async throws {
    await #expect(throws: EmbeddingFailure.self) { try await reply(Self.document(indices)) }
  }

  @Test(arguments: ["0.5", "\"\"", "\"0.5\"", "\"one\"", "true", "{}", "[0]"])
  func `an index that is no whole number breaks the reply, which says so`(_ index: String) async throws {
    let items = #"{"index":\#(index),"embedding":[1,2]},{"index":1,"embedding":[1,2]},{"index":2,"embedding":[3,4]}"#
    let failure = await caught { try await reply(#"{"data":[\#(items)]}"#) }
    #expect(failure?.kind == .brokenReply)
    #expect(failure?.reason.contains("an index that is no whole number") == true, "\(failure?.reason ?? "")")
  }

  @Test(arguments: ["\"%\"", "%", "%.0", "%e0"])
  func `an index counts however it is written`(_ form: String) async throws {
    let items = [(2, 5), (0, 1), (1, 3)].map { index, value in
      let written = form.replacing("%", with: "\(index)")
      return #"{"index":\#(written),"embedding":[\#(value),\#(value + 1)]}"#
    }
    let reply = try await reply(#"{"data":[\#(items.joined(separator: ","))]}"#)
    #expect(reply.vectors.values == [1, 2, 3, 4, 5, 6] && reply.unusable.isEmpty)
  }

  @Test(arguments: [#"\n"#, #"\r\n"#, " ", #"\t"#, ""], [false, true])
  func `base64 of either alphabet is read, with and without line breaks`(_ blank: String, _ isForURLs: Bool)
    async throws
  {
    // Its base64 has each digit that the alphabets have of their own.
    let vector: [Float] = [Float(bitPattern: 0x3FBF_FFFB), Float(bitPattern: 0x3FFB_EFBE)]
    var text = Vectors(dimensions: 2, values: vector).littleEndian.base64EncodedString()
    #expect(text.contains("+") && text.contains("/"))
    if isForURLs { text = text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "") }
    let broken = text.prefix(5) + blank + text.dropFirst(5) + blank
    let items = (0..<3).map { #"{"index":\#($0),"embedding":"\#(broken)"}"# }
    let reply = try await reply(#"{"data":[\#(items.joined(separator: ","))]}"#)
    #expect(reply.vectors.values == vector + vector + vector && reply.unusable.isEmpty)
  }

  @Test func `a null in an item's place is that text's`() async throws {
    let reply = try await reply(#"{"data":[{"index":0,"embedding":[1,2]},null,{"index":2,"embedding":[3,4]}]}"#)
    #expect(Set(reply.unusable.keys) == [1])
    #expect(reply.vectors.values == [1, 2, 0, 0, 3, 4])
  }

  private static func document(_ indices: [Int?]) -> String {
    let items = indices.enumerated().map { place, index in
      "{\(index.map { "\"index\":\($0)," } ?? "")\"embedding\":[1,\(place)]}"
    }
    return #"{"data":[\#(items.joined(separator: ","))]}"#
  }

  /// What is made of `body` as the reply to three texts, of two dimensions.
  private func reply(_ body: String) async throws -> EmbeddingReply {
    try await EmbeddingsServer.run(rules: [.always(.respond(.init(200, body: body)))]) { server in
      try await server.embedder { $0.dimensions = 2 }.embed(["a", "b", "c"])
    }
  }
}
