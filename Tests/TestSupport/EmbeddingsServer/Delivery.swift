import Foundation

extension EmbeddingsServer {
  /// The bytes that go back for a request, and what becomes of the connection.
  struct Delivery {
    enum Ending {
      /// The connection is kept for the next request.
      case keep
      case close
      case reset
      /// Nothing more is sent until the client leaves.
      case stall
      /// This is sent over and over until the client leaves, at this pace where there is one.
      case endless(Data, every: Duration?)

      /// Whether the client decides when the exchange is over.
      var isLeftToClient: Bool {
        switch self {
        case .keep, .close, .reset: false
        case .stall, .endless: true
        }
      }
    }

    var pieces: [Data] = []
    var ending = Ending.keep
  }

  /// Bills the request where `behaviour` is to process it, and makes what goes back.
  func delivery(_ behaviour: Behaviour, _ message: HTTPMessage, _ order: Order?, _ number: Int) -> Delivery {
    switch behaviour {
    case .respond(let response):
      return Delivery(pieces: [wire(response, number)])
    case .respondTo(let response):
      return Delivery(pieces: [wire(response(order?.texts ?? []), number)])
    case .endless(let status, let beginning, let rest, let pace):
      let head = head(of: Response(status), number, isChunked: true) + Self.chunk(Data(beginning.utf8))
      let often = pace == nil ? String(repeating: rest, count: max(1, 1 << 20 / rest.utf8.count)) : rest
      return Delivery(pieces: [head], ending: .endless(Self.chunk(Data(often.utf8)), every: pace))
    case .resetBeforeProcessing:
      return Delivery(ending: .reset)
    case .hang, .hold:
      return Delivery(ending: .stall)
    case .answer, .distort, .resetAfterProcessing, .closeAfterProcessing, .truncate, .stall, .dribble:
      if let refusal = refusal(of: message, order) { return Delivery(pieces: [wire(refusal, number)]) }
      guard let order else { return Delivery(ending: .close) }
      bill(order.texts)
      let dialect = Dialect(path: message.path, options) ?? .openAI
      return processed(order, dialect, behaviour, number)
    }
  }

  private func processed(
    _ order: Order, _ dialect: Dialect, _ behaviour: Behaviour, _ number: Int
  ) -> Delivery {
    if case .distort(let distortion) = behaviour {
      return Delivery(pieces: [wire(reply(to: order, dialect, distortion), number)])
    }
    let response = reply(to: order, dialect, nil)
    switch behaviour {
    case .resetAfterProcessing:
      return Delivery(ending: .reset)
    case .closeAfterProcessing:
      return Delivery(ending: .close)
    case .truncate(let count):
      return Delivery(pieces: [head(of: response, number) + response.body.prefix(count)], ending: .close)
    case .stall(let count):
      return Delivery(pieces: [head(of: response, number) + response.body.prefix(count)], ending: .stall)
    case .dribble(let size):
      let chunks = stride(from: 0, to: response.body.count, by: size).map { start in
        Self.chunk(response.body.dropFirst(start).prefix(size))
      }
      return Delivery(pieces: [head(of: response, number, isChunked: true)] + chunks + [Data("0\r\n\r\n".utf8)])
    default:
      return Delivery(pieces: [wire(response, number)])
    }
  }

  static func chunk(_ bytes: Data) -> Data {
    Data("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Data("\r\n".utf8)
  }

  private func wire(_ response: Response, _ number: Int) -> Data { head(of: response, number) + response.body }

  func head(of response: Response, _ number: Int, isChunked: Bool = false) -> Data {
    let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(response.body.count)"
    let lines = (options.headers + quotaHeaders + response.headers).map { "\($0.name): \($0.value)\r\n" }
    return Data(
      "HTTP/1.1 \(response.status) -\r\nx-request-id: req_\(number)\r\n\(framing)\r\n\(lines.joined())\r\n".utf8)
  }
}
