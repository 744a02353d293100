import Backfill

extension EmbeddingsServer {
  /// Which requests are treated otherwise than by an honest answer; the first rule that applies decides.
  package struct Rule: Sendable {
    /// A request, as far as rules look at it.
    struct Arrival: Sendable {
      /// The server's first request is 0.
      let number: Int
      /// The server's first connection is 1.
      let connection: Int
      let texts: [String]
      let tokens: Int
      let encodingFormat: String?
    }

    let applies: @Sendable (Arrival) -> Bool
    let behaviour: Behaviour

    package static func always(_ behaviour: Behaviour) -> Rule {
      Rule(applies: { _ in true }, behaviour: behaviour)
    }

    /// For all requests while it is so.
    package static func when(_ isSo: @escaping @Sendable () -> Bool, _ behaviour: Behaviour) -> Rule {
      Rule(applies: { _ in isSo() }, behaviour: behaviour)
    }

    /// For the requests of these numbers; the server's first request has the number 0.
    package static func requests(_ numbers: some Sequence<Int>, _ behaviour: Behaviour) -> Rule {
      let numbers = Set(numbers)
      return Rule(applies: { numbers.contains($0.number) }, behaviour: behaviour)
    }

    package static func request(_ number: Int, _ behaviour: Behaviour) -> Rule { requests([number], behaviour) }

    /// For the server's first requests.
    package static func first(_ count: Int, _ behaviour: Behaviour) -> Rule { requests(0..<count, behaviour) }

    /// For all requests on each connection whose number is a multiple: one of several servers behind a balancer is broken.
    package static func connections(every count: Int, _ behaviour: Behaviour) -> Rule {
      Rule(applies: { $0.connection.isMultiple(of: count) }, behaviour: behaviour)
    }

    /// For requests with more inputs or more tokens: a limit.
    package static func requests(
      aboveInputs inputs: Int = .max, tokens: Int = .max, _ behaviour: Behaviour
    ) -> Rule {
      Rule(applies: { $0.texts.count > inputs || $0.tokens > tokens }, behaviour: behaviour)
    }

    /// For requests with this `encoding_format`.
    package static func encodingFormat(_ name: String, _ behaviour: Behaviour) -> Rule {
      Rule(applies: { $0.encodingFormat == name }, behaviour: behaviour)
    }

    /// For requests with at least one such text.
    package static func texts(where isMeant: @escaping @Sendable (String) -> Bool, _ behaviour: Behaviour) -> Rule {
      Rule(applies: { $0.texts.contains(where: isMeant) }, behaviour: behaviour)
    }

    /// For requests with at least one text that holds `marker`.
    package static func texts(with marker: String, _ behaviour: Behaviour) -> Rule {
      texts(where: { $0.contains(marker) }, behaviour)
    }

    /// For requests of one text, which holds `marker`.
    package static func alone(with marker: String, _ behaviour: Behaviour) -> Rule {
      Rule(applies: { $0.texts.count == 1 && $0.texts[0].contains(marker) }, behaviour: behaviour)
    }

    /// Answers all requests, and each text that holds `marker` with a vector that has this flaw.
    package static func vectors(of marker: String, _ flaw: Flaw) -> Rule {
      texts(with: marker, .distort(.flawed(flaw, where: { $0.contains(marker) })))
    }

    /// Refuses each request that has such a text as OpenAI refuses an over-long one, naming its index or not.
    package static func poison(
      where isPoison: @escaping @Sendable (String) -> Bool, namingIndex: Bool = false
    ) -> Rule {
      texts(
        where: isPoison,
        .respondTo { texts in
          let index = texts.firstIndex(where: isPoison).map { "[\($0)]" } ?? ""
          return .error(
            400, type: "invalid_request_error",
            message: "Invalid 'input\(namingIndex ? index : "")': maximum input length is 8192 tokens.")
        })
    }

    /// This rule for the first requests that it fits, and not for later ones.
    package func times(_ count: Int) -> Rule {
      let left = Locked(count)
      return Rule(
        applies: { [applies] arrival in
          applies(arrival)
            && left.withLock { left in
              left -= 1
              return left >= 0
            }
        }, behaviour: behaviour)
    }
  }

  /// What is wrong with the vector of one text in a reply whose others are right.
  package enum Flaw: Sendable, CaseIterable {
    /// A NaN among its values; as numbers it is written as Python writes it.
    case notANumber
    case infinite
    case zeros
    /// `"embedding": null`
    case null
    /// A null among its numbers, also where base64 was asked for.
    case nullValue
    /// One value too few.
    case short
    /// One value too many.
    case long
    /// An item with an index and no vector.
    case noVector
    /// No item at all.
    case missing
    /// A character that base64 doesn't have; a word where numbers were asked for.
    case garbled
  }
}
