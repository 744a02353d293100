import Backfill
import Foundation
import Testing

@testable import EmbeddingAPIs

/// A reply comes in pieces that end anywhere.
@Suite struct EmbeddingsReplyStreamTests {
  static let a = #"{"index":0,"embedding":[1,2]}"#
  static let b = #"{"index":1,"embedding":[3,4]}"#

  static let replies = [
    #"{"data":[\#(a),\#(b)]}"#,
    " \n{ \"data\" : \n [ \n{ \"index\" : 0 ,\n \"embedding\" : [ \n 1 ,\n 2 ] } , \(b) ] } \n",
    #"{"object":"list","data":[\#(a),\#(b)],"model":"a \"word\" {[ \\","usage":{"prompt_tokens":7}}"#,
    #"{"usage":{"data":[{},{"embedding":[9,9]}],"prompt_tokens":7},"data":[\#(b),\#(a)]}"#,
    #"{"x":[[{"data":[{}]}]],"a\"data":[{}],"data":[\#(a),{"embedding":[3,4],"index":1,"of":{"what":[{"[}":"]}\\"}]}}]}"#,
    #"{"data":[{"embedding":"AACAPwAAAEA=","text":"}{\"","index":0},{"embedding":"AABAQAAAgEA=","index":1}]}"#,
    #"{"data":[{"embedding":[1,2]},{"embedding":[3,4]}]}"#,
  ]

  @Test(arguments: replies)
  func `the vectors are the same wherever the pieces end`(_ document: String) throws {
    for size in 1...document.utf8.count {
      #expect(try Self.read(document, inPiecesOf: size).vectors.values == [1, 2, 3, 4], "in pieces of \(size)")
    }
  }

  @Test(arguments: [
    ("", "not the JSON"), ("[\(a),\(b)]", "not the JSON"), ("1", "not the JSON"), ("\"data\"", "not the JSON"),
    (#"{"data":[\#(a),\#(b)"#, "not the JSON"), (#"{"data":[\#(a),\#(b)}"#, "not the JSON"),
    (#"{"data":[\#(a) \#(b)]}"#, "not the JSON"), (#"{"data":[\#(a),,\#(b)]}"#, "not the JSON"),
    (#"{"data":[\#(a),\#(b),]}"#, "more than 2"), (#"{"data":[\#(a),]}"#, "not the JSON"),
    (#"{"data":[\#(a),[\#(b)]]}"#, "not the JSON"),
    (#"{"data":[\#(a),\#(b)]}}"#, "not the JSON"), (#"{"data":[\#(a),\#(b)]}{"data":[]}"#, "not the JSON"),
    (#"{"data":[\#(a),{"index":1,"embedding":[3,4]]]}"#, "not the JSON"), (#"{"data":{"a":\#(a)}}"#, "not the JSON"),
    (#"{"d\u0061ta":[\#(a),\#(b)]}"#, "not the JSON"), (#"{"data":[\#(a),7]}"#, "not the JSON"),
    (#"{"data":[\#(a),\#(b),\#(a)]}"#, "more than 2"), (#"{"data":[\#(a),\#(b)],"data":[null]}"#, "more than 2"),
    (#"{"data":[\#(a),null,\#(b)]}"#, "more than 2"), (#"{"data":[]}"#, "0 vectors"), ("{}", "0 vectors"),
  ])
  func `what is no reply is none wherever the pieces end`(_ document: String, _ reason: String) {
    for size in [1, 2, 3, 7, 1_000] {
      let broken = #expect(throws: EmbeddingsReply.Broken.self) { try Self.read(document, inPiecesOf: size) }
      #expect(broken?.reason.contains(reason) == true, "\(broken?.reason ?? "")")
    }
  }

  @Test(arguments: [
    #"{"data":[{"embedding":["#, #"{"data":[{"embedding":""#, #"{"x":["#, #"{"x":""#, #"{"data":[\#(a),"#,
  ])
  func `a part without end is refused before much of it is there`(_ beginning: String) {
    var stream = EmbeddingsReplyStream(count: 2, dimensions: 2)
    func takes(_ text: String) -> Bool { Data(text.utf8).withUnsafeBytes { stream.take($0) } }
    #expect(takes(beginning))
    let piece = String(repeating: beginning.hasSuffix("\"") ? "xxxxxxxx" : "1234567,", count: 1_000)
    let taken = (0..<1_000).prefix { _ in takes(piece) }.count
    #expect(taken < 140)
    #expect(!takes("]}"), "nothing more is taken")
    #expect(stream.broken?.reason == EmbeddingsReply.tooLong)
  }

  @Test(
    arguments: [
      (
        .cohere,
        #"{"id":"1","texts":["[1,2]"],"embeddings":{"float":[[1,2],[3,4]]},"meta":{"billed_units":{"input_tokens":7}}}"#
      ),
      (
        .cohere,
        #"{"meta":{"billed_units":{"input_tokens":7}},"embeddings":{"x":[[9,9]],"base64":["AACAPwAAAEA=","AABAQAAAgEA="]}}"#
      ),
      (
        .cohere,
        #" { "float" : [ [ 9 , 9 ] ] , "embeddings" : { "float" : [ [ 1 , 2 ] , [ 3 , 4 ] ] } , "meta" : { "billed_units" : { "input_tokens" : 7 } } } "#
      ),
      (.gemini, #"{"embeddings":[{"values":[1,2],"shape":[2]},{"values":[3,4]}]}"#),
      (.ollama, #"{"model":"m","embeddings":[[1,2],[3,4]],"total_duration":1,"prompt_eval_count":7}"#),
      (.tei, "[[1,2],[3,4]]"), (.tei, " [ [ 1 , 2 ] \n, [ 3 , 4 ] ] \n"),
    ] as [(WireFormat, String)])
  func `every format's vectors are the same wherever the pieces end`(_ format: WireFormat, _ document: String) throws {
    for size in 1...document.utf8.count {
      let reply = try Self.read(document, inPiecesOf: size, format)
      #expect(reply.vectors.values == [1, 2, 3, 4], "in pieces of \(size)")
      #expect(reply.isPlacedByOrder)
      #expect(reply.billedTokens == (document.contains("7") ? 7 : nil))
    }
  }

  @Test(
    arguments: [
      (.cohere, #"{"embeddings":[[1,2],[3,4]]}"#), (.cohere, #"{"float":[[1,2],[3,4]]}"#),
      (.cohere, #"{"embeddings":{"float":[[1,2]],"base64":["AABAQAAAgEA=","AABAQAAAgEA="]}}"#),
      (.cohere, #"{"a":{"embeddings":{"float":[[1,2],[3,4]]}}}"#),
      (.cohere, #"{"embeddings":{"float":{"float":[[1,2],[3,4]]}}}"#),
      (.gemini, #"{"embeddings":[[1,2],[3,4]]}"#), (.gemini, #"{"embeddings":{"values":[[1,2],[3,4]]}}"#),
      (.gemini, "[]"),
      (.ollama, #"{"embeddings":[1,2,3,4]}"#), (.ollama, #"{"embedding":[[1,2],[3,4]]}"#), (.ollama, #"[[1,2],[3,4]]"#),
      (.tei, "[1,2]"), (.tei, "[[1,2],[3,4]"), (.tei, "[[1,2],[3,4]]]"), (.tei, "[[1,2],{},[3,4]]"),
      (.tei, "[[[1,2],[3,4]]]"), (.tei, #"{"data":[[1,2],[3,4]]}"#), (.tei, "[[1,2],[3,4]][[1,2]]"), (.tei, "[[1,2]]"),
    ] as [(WireFormat, String)])
  func `what is no reply of a format is none wherever the pieces end`(_ format: WireFormat, _ document: String) {
    for size in [1, 2, 3, 7, 1_000] {
      #expect(throws: EmbeddingsReply.Broken.self) { try Self.read(document, inPiecesOf: size, format) }
    }
  }

  @Test(
    arguments: [
      (.cohere, #"{"embeddings":{"float":[["#), (.cohere, #"{"embeddings":{"base64":[""#),
      (.gemini, #"{"embeddings":[{"values":["#),
      (.ollama, #"{"embeddings":[["#), (.tei, "[["), (.tei, "["),
    ] as [(WireFormat, String)])
  func `a part without end is refused in every format`(_ format: WireFormat, _ beginning: String) {
    var stream = EmbeddingsReplyStream(format.reply, count: 2, dimensions: 2)
    func takes(_ text: String) -> Bool { Data(text.utf8).withUnsafeBytes { stream.take($0) } }
    #expect(takes(beginning))
    let piece = String(repeating: beginning.hasSuffix("\"") ? "xxxxxxxx" : "1234567,", count: 1_000)
    #expect((0..<1_000).prefix { _ in takes(piece) }.count < 140)
    #expect(stream.broken?.reason == EmbeddingsReply.tooLong)
  }

  private static func read(
    _ document: String, inPiecesOf size: Int, _ format: WireFormat = .openAI
  ) throws -> EmbeddingsReply {
    var stream = EmbeddingsReplyStream(format.reply, count: 2, dimensions: 2)
    Data(document.utf8).withUnsafeBytes { bytes in
      for start in stride(from: 0, to: bytes.count, by: size) {
        guard stream.take(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + size, bytes.count)])) else {
          return
        }
      }
    }
    return try stream.reply()
  }
}
