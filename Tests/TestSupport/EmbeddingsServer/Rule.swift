extension EmbeddingsServer {
  /// Which requests are treated otherwise than by an honest answer; the first rule that applies decides.
  package struct Rule: Sendable {
    let applies: @Sendable (_ number: Int, _ texts: [String]) -> Bool
    let behaviour: Behaviour

    package static func always(_ behaviour: Behaviour) -> Rule {
      Rule(applies: { _, _ in true }, behaviour: behaviour)
    }

    /// For the requests of these numbers; the server's first request has the number 0.
    package static func requests(_ numbers: some Sequence<Int>, _ behaviour: Behaviour) -> Rule {
      let numbers = Set(numbers)
      return Rule(applies: { number, _ in numbers.contains(number) }, behaviour: behaviour)
    }

    package static func request(_ number: Int, _ behaviour: Behaviour) -> Rule { requests([number], behaviour) }

    /// For requests with at least one such text.
    package static func texts(where isMeant: @escaping @Sendable (String) -> Bool, _ behaviour: Behaviour) -> Rule {
      Rule(applies: { _, texts in texts.contains(where: isMeant) }, behaviour: behaviour)
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
  }
}
