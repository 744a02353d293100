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

  /// The reply to an order, made wrong in the way of `distortion`.
  func reply(to order: Order, _ distortion: Distortion?) -> Response {
    if case .notJSON = distortion {
      return Response(200, headers: [("Content-Type", "text/html")], body: "<html><body>It works!</body></html>")
    }
    var dimensions = order.dimensions ?? options.dimensions
    let other = order.model.flatMap { options.otherModels.contains($0) ? $0 : nil }
    var model = "\"model\":\"\(other ?? options.model)\","
    let sum = order.texts.reduce(0) { $0 + options.tokens($1) }
    var usage = ",\"usage\":{\"prompt_tokens\":\(sum),\"total_tokens\":\(sum)}"
    var padding = ""
    switch distortion {
    case .dimensions(let other): dimensions = other
    case .model(let other): model = "\"model\":\"\(other)\","
    case .noModel: model = ""
    case .usage(let other): usage = other.map { ",\"usage\":\($0)" } ?? ""
    case .usageOf(let other): usage = other(order.texts).map { ",\"usage\":\($0)" } ?? ""
    case .padded(let bytes): padding = ",\"padding\":\"\(String(repeating: "x", count: bytes))\""
    default: break
    }
    var items = order.texts.enumerated().compactMap { index, text in
      if case .flawed(let flaw, let isMeant) = distortion, isMeant(text) {
        return flawedItem(index, text, dimensions, asBase64: order.asksForBase64, flaw)
      }
      let seed = other.map { "\($0): \(text)" } ?? text
      return item(index, seed, dimensions, asBase64: order.asksForBase64, distortion)
    }
    switch distortion {
    case .tooFew: items.removeLast()
    case .tooMany: items.append(item(items.count, "one more", dimensions, asBase64: order.asksForBase64, nil))
    case .reversed: items.reverse()
    default: break
    }
    return Response(
      200, headers: [("Content-Type", "application/json")],
      body: "{\"object\":\"list\",\(model)\"data\":[\(items.joined(separator: ","))]\(usage)\(padding)}")
  }

  private func item(
    _ index: Int, _ text: String, _ dimensions: Int, asBase64: Bool, _ distortion: Distortion?
  ) -> String {
    var vector = EmbeddingsServer.vector(for: text, dimensions: dimensions)
    if index == 0, case .notFinite = distortion { vector[0] = .nan }
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
    case .noVector: return "{\"object\":\"embedding\",\"index\":\(index)}"
    default: break
    }
    return "{\"object\":\"embedding\",\(number)\"embedding\":\(embedding)}"
  }

  /// Nil for no item.
  private func flawedItem(
    _ index: Int, _ text: String, _ dimensions: Int, asBase64: Bool, _ flaw: Flaw
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
    let number = "\"object\":\"embedding\",\"index\":\(index)"
    return switch flaw {
    case .missing: nil
    case .noVector: "{\(number)}"
    default: "{\(number),\"embedding\":\(embedding)}"
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
