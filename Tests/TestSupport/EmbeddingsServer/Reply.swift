import Backfill
import Foundation

extension EmbeddingsServer {
  /// A text's unit vector, which no other text has: SplitMix64 numbers from the text's SHA-256.
  package static func vector(for text: String, dimensions: Int) -> [Float] {
    let digest = TextDigest(of: text).bytes
    var state = digest.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
    var values = [Float](unsafeUninitializedCapacity: dimensions) { buffer, count in
      for index in 0..<dimensions {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        buffer.initializeElement(at: index, to: Float(Int64(word >> 40)) / 8_388_608 - 1)
      }
      count = dimensions
    }
    values.withUnsafeMutableBufferPointer { buffer in
      var squares = 0.0
      for index in buffer.indices { squares += Double(buffer[index]) * Double(buffer[index]) }
      let length = squares.squareRoot()
      for index in buffer.indices { buffer[index] = Float(Double(buffer[index]) / length) }
    }
    return values
  }

  /// The rule by which this server counts tokens unless a test gives another: one for every four bytes of UTF-8 that were begun.
  package static func tokens(of text: String) -> Int { (text.utf8.count + 3) / 4 }

  /// The reply to an order in its dialect, made wrong in the way of `distortion`.
  func reply(to order: Order, _ dialect: Dialect, _ distortion: Distortion?) -> Response {
    if case .notJSON = distortion {
      return Response(200, headers: [("Content-Type", "text/html")], body: "<html><body>It works!</body></html>")
    }
    var dimensions = order.dimensions ?? options.dimensions
    if case .dimensions(let other) = distortion { dimensions = other }
    let other = order.model.flatMap { options.otherModels.contains($0) ? $0 : nil }
    let isBase64 = dialect.encodes(order)
    var items = order.texts.enumerated().compactMap { index, text in
      if case .flawed(let flaw, let isMeant) = distortion, isMeant(text) {
        return flawedItem(index, text, dimensions, dialect, asBase64: isBase64, flaw)
      }
      let cut = dialect.cuts(order) ? self.cut(text) : text
      let seed = other.map { "\($0): \(cut)" } ?? cut
      return item(index, seed, dimensions, dialect, asBase64: isBase64, distortion)
    }
    switch distortion {
    case .tooFew: items.removeLast()
    case .tooMany: items.append(item(items.count, "one more", dimensions, dialect, asBase64: isBase64, nil))
    case .reversed: items.reverse()
    default: break
    }
    return frame(of: items, order, dialect, model: other ?? options.model, distortion)
  }

  /// As much of a text as the model takes, by the server's own rule for tokens.
  private func cut(_ text: String) -> String {
    options.tokens(text) <= options.maxInputTokens
      ? text : String(decoding: text.utf8.prefix(4 * options.maxInputTokens), as: UTF8.self)
  }

  private func item(
    _ index: Int, _ text: String, _ dimensions: Int, _ dialect: Dialect, asBase64: Bool, _ distortion: Distortion?
  ) -> String {
    var vector = EmbeddingsServer.vector(for: text, dimensions: dimensions)
    if index == 0, case .notFinite = distortion { vector[0] = .nan }
    if case .scaled(let factor) = distortion { vector = vector.map { $0 * factor } }
    var embedding = EmbeddingsServer.json(vector, asBase64: asBase64)
    var number = "\"index\":\(index),"
    switch distortion {
    case .floats: embedding = EmbeddingsServer.list(vector)
    case .escaped: embedding = embedding.replacing("/", with: "\\/").replacing("+", with: "\\u002B")
    case .badBase64: embedding = embedding.replacing("A", with: "*")
    case .nullVector: embedding = "null"
    case .nullValue: embedding = "[null\(String(repeating: ",0.5", count: dimensions - 1))]"
    case .duplicateIndex: number = "\"index\":0,"
    case .indexOutOfRange: number = "\"index\":\(index + 1),"
    case .noIndex: number = ""
    case .noFirstIndex: if index == 0 { number = "" }
    case .noVector: return dialect.item(number: "\"index\":\(index),", nil)
    default: break
    }
    if dialect == .geminiOpenAI, index == 0 { number = "" }
    return dialect.item(number: number, embedding)
  }

  /// Nil for no item.
  private func flawedItem(
    _ index: Int, _ text: String, _ dimensions: Int, _ dialect: Dialect, asBase64: Bool, _ flaw: Flaw
  ) -> String? {
    var vector = EmbeddingsServer.vector(for: text, dimensions: dimensions)
    switch flaw {
    case .notANumber: vector[dimensions / 2] = .nan
    case .infinite: vector[dimensions - 1] = -.infinity
    case .zeros: vector = [Float](repeating: 0, count: dimensions)
    case .short: vector.removeLast()
    case .long: vector.append(0.5)
    case .null, .nullValue, .noVector, .missing, .garbled: break
    }
    let right = EmbeddingsServer.json(vector, asBase64: asBase64)
    let embedding =
      switch flaw {
      case .null: "null"
      case .nullValue: "[null\(String(repeating: ",0.5", count: dimensions - 1))]"
      case .garbled: asBase64 ? "\"*\(right.dropFirst(2))" : "\"none\""
      default: right
      }
    let number = "\"index\":\(index),"
    return switch flaw {
    case .missing: nil
    case .noVector: dialect.item(number: number, nil)
    default: dialect.item(number: number, embedding)
    }
  }

  private static func json(_ vector: [Float], asBase64: Bool) -> String {
    guard asBase64 else { return list(vector) }
    return "\"\(Vectors(dimensions: vector.count, values: vector).littleEndian.base64EncodedString())\""
  }

  private static func list(_ vector: [Float]) -> String {
    func number(_ value: Float) -> String {
      if value.isNaN { return "NaN" }
      return value.isInfinite ? "\(value < 0 ? "-" : "")Infinity" : "\(value)"
    }
    return "[\(vector.lazy.map(number).joined(separator: ","))]"
  }
}
