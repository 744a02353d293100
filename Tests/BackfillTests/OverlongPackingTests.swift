import Backfill
import Testing

/// What becomes of texts with more tokens than the model takes; a token here is a character.
@Suite struct OverlongPackingTests {
  static func packer(
    _ tooLong: TextPreparation.TooLong, limit: Int = 4, maxInputs: Int = 10, maxTokens: Int = .max,
    prefix: String = "", count: @escaping @Sendable (String) -> Int = { $0.count }
  ) -> Packer {
    let limit = InputLimit(tokens: limit) { text, most in
      stride(from: 0, to: text.count, by: most).map { start in
        let part = String(text.dropFirst(start).prefix(most))
        return (part, count(part))
      }
    }
    return Packer(
      preparation: TextPreparation(tooLong: tooLong, prefix: prefix), maxInputs: maxInputs, maxTokens: maxTokens,
      inputLimit: limit, countsExactly: true, countTokens: count)
  }

  static func page(_ texts: String...) -> MessagePage {
    MessagePage(
      texts.enumerated().map { Message(key: .integer(Int64($0.offset)), text: $0.element) },
      continuesAfter: .integer(Int64(texts.count - 1)))
  }

  @Test func `a text that fits is sent as it is, whatever the rule`() {
    for rule in TextPreparation.TooLong.allCases {
      let packed = Self.packer(rule).pack(Self.page("abcd"))
      #expect(packed.contents.map(\.texts) == [["abcd"]])
      #expect(packed.contents[0].fittedRows == 0)
      #expect(packed.overlong.isEmpty)
    }
  }

  @Test func `quarantine sends nothing of it, and the rows around are sent`() {
    let packed = Self.packer(.quarantine).pack(Self.page("a", "abcde", "b", "abcde"))
    #expect(packed.contents.map(\.texts) == [["a", "b"]])
    #expect(packed.overlong.map(\.key) == [.integer(1), .integer(3)])
    #expect(packed.overlong.map(\.digest) == Array(repeating: TextDigest(of: "abcde"), count: 2))
    #expect(packed.taken == 4)
  }

  @Test func `truncate sends its beginning, under the digest of the whole text`() {
    let packed = Self.packer(.truncate).pack(Self.page("abcdefghij", "b", "abcdefghij"))
    #expect(packed.contents.map(\.texts) == [["abcd", "b"]])
    #expect(packed.contents[0].rows.map(\.input) == [0, 1, 0])
    #expect(packed.contents[0].rows[0].digest == TextDigest(of: "abcdefghij"))
    #expect(packed.contents[0].fittedRows == 2)
    #expect(packed.contents[0].mostTokens == 5)
  }

  @Test func `average sends all of it, in one request and as one input`() {
    let packed = Self.packer(.average, maxInputs: 4).pack(Self.page("a", "b", "abcdefghij", "c"))
    #expect(packed.contents.map(\.texts) == [["a", "b"], ["abcd", "efgh", "ij", "c"]])
    #expect(packed.contents[1].rows.map(\.input) == [0, 1])
    #expect(packed.contents[1].tokenCount == 11)
    #expect(packed.contents[1].slice(1..<2).texts == ["c"])
    #expect((0..<5).map { packed.contents[1].input(ofText: $0) } == [0, 0, 0, 1, nil])
  }

  @Test(arguments: [(2, Int.max), (10, 9)]) func `what can't be sent in one request is not averaged`(
    maxInputs: Int, maxTokens: Int
  ) {
    let packed = Self.packer(.average, maxInputs: maxInputs, maxTokens: maxTokens).pack(Self.page("abcdefghij"))
    #expect(packed.contents.isEmpty)
    #expect(packed.overlong.count == 1)
  }

  @Test func `a part that is blank is not sent`() {
    #expect(Self.packer(.average).pack(Self.page("abcd   ")).contents.map(\.texts) == [["abcd"]])
    #expect(Self.packer(.truncate).pack(Self.page("     a")).overlong.count == 1)
  }

  @Test func `each part that is averaged has the prefix, and its tokens are counted in each`() {
    let packed = Self.packer(.average, limit: 6, prefix: "p:").pack(Self.page("abcdefghij", "abcd"))
    #expect(packed.contents.map(\.texts) == [["p:abcd", "p:efgh", "p:ij", "p:abcd"]])
    #expect(packed.contents[0].inputs[0].tokens == [6, 6, 4])
    #expect(packed.contents[0].inputs[0].weights == [4, 4, 2], "the row's own text weighs")
    #expect(packed.contents[0].mostTokens == 22)
    #expect(packed.contents[0].rows.map(\.digest) == ["abcdefghij", "abcd"].map(TextDigest.init(of:)))
  }

  @Test func `a prefix that counts otherwise before a text makes the parts shorter, until they fit`() {
    // Two more tokens where prefix and text meet.
    let packer = Self.packer(.average, limit: 8, prefix: "p:") {
      $0.count + ($0.hasPrefix("p:") && $0.count > 2 ? 2 : 0)
    }
    let packed = packer.pack(Self.page("abcdefghij"))
    #expect(packed.contents.map(\.texts) == [["p:abcd", "p:efgh", "p:ij"]])
    #expect(packed.contents[0].inputs[0].tokens == [8, 8, 6])
  }

  @Test(arguments: ["p:p:", "p:p:p:p:"]) func `a prefix that leaves no room puts the row into quarantine`(
    prefix: String
  ) {
    let packed = Self.packer(.average, prefix: prefix).pack(Self.page("abcdef"))
    #expect(packed.contents.isEmpty && packed.overlong.count == 1)
  }

  @Test func `truncate has the prefix once, as ever, and a blank part behind a prefix is not sent either`() {
    #expect(
      Self.packer(.truncate, limit: 6, prefix: "p:").pack(Self.page("abcdefghij")).contents.map(\.texts) == [["p:abcd"]]
    )
    #expect(
      Self.packer(.average, limit: 6, prefix: "p:").pack(Self.page("abcd        ")).contents.map(\.texts) == [
        ["p:abcd"]
      ])
  }

  // MARK: By bytes

  /// Where nothing here counts the model's tokens: an estimate of a token for four bytes.
  static func unknown(_ rule: TextPreparation.TooLong, prefix: String = "", maxInputs: Int = 10) -> Packer {
    Packer(
      preparation: TextPreparation(tooLong: rule, prefix: prefix, mostBytes: 8), maxInputs: maxInputs,
      inputLimit: InputLimit(
        tokens: 8, leastTokens: { _ in 0 }, cut: rule == .quarantine ? nil : SafeCut(mostBytes: 8))
    ) { max(1, $0.utf8.count / 4) }
  }

  @Test func `without the model's tokenizer texts are cut by their bytes, where the job cuts them`() {
    let texts = ["12345678", "123456789", "äöüßäö"]
    func sent(_ rule: TextPreparation.TooLong) -> [[String]] {
      Self.unknown(rule).pack(Self.page(texts[0], texts[1], texts[2])).contents.map(\.texts)
    }
    #expect(sent(.quarantine) == [texts])
    #expect(sent(.truncate) == [["12345678", "12345678", "äöüß"]])
    #expect(sent(.average) == [["12345678", "12345678", "9", "äöüß", "äö"]])
  }

  @Test func `parts by bytes weigh by their bytes, since nobody knows their tokens, and may be billed up to them`() {
    let contents = Self.unknown(.average, prefix: "p:").pack(Self.page("123456789")).contents
    #expect(contents.map(\.texts) == [["p:123456", "p:789"]])
    #expect(contents[0].inputs[0].weights == [6, 3])
    #expect(contents[0].inputs[0].tokens == [2, 1])
    #expect(contents[0].mostTokens == 10 + 7)
    #expect(contents[0].fittedRows == 1)
  }

  @Test func `more parts than a request takes are not cut short in silence`() {
    let packed = Self.unknown(.average, maxInputs: 2).pack(Self.page("1234567812345678", "12345678123456789"))
    #expect(packed.contents.map(\.texts) == [["12345678", "12345678"]])
    #expect(packed.overlong.map(\.key) == [.integer(1)])
    #expect(Self.unknown(.truncate, prefix: "12345678").pack(Self.page("a")).overlong.count == 1)
  }

  @Test(arguments: [(0, false), (4, false), (5, true)]) func `an estimate condemns only what is proven to be too long`(
    proven: Int, isCondemned: Bool
  ) {
    let packer = Packer(
      preparation: TextPreparation(), maxInputs: 10, inputLimit: InputLimit(tokens: 4, leastTokens: { _ in proven })
    ) { _ in 1000 }
    let packed = packer.pack(Self.page("x"))
    #expect(packed.overlong.isEmpty == !isCondemned)
    #expect(packed.contents.map(\.texts) == (isCondemned ? [] : [["x"]]))
  }

  @Test func `the vectors of parts are joined by their tokens, to the length of 1`() {
    let contents = Batch.Contents(
      inputs: [
        Input(texts: ["a"], tokens: [1], isExact: true),
        Input(texts: ["b", "c"], tokens: [3, 4], isExact: true, isFitted: true),
        Input(texts: ["b", "c"], tokens: [9, 9], isExact: true, isFitted: true, weights: [4, 3]),
      ], rows: [])
    let joined = contents.joined(Vectors(dimensions: 2, values: [0.5, 0.5, 1, 0, 0, 1, 1, 0, 0, 1]))
    #expect(joined == Vectors(dimensions: 2, values: [0.5, 0.5, 0.6, 0.8, 0.8, 0.6]))
  }

  @Test func `a row that is not sent is condemned at once, and the watermark goes past it`() {
    var conductor = ConductorTests.conductor(batchSize: 2, policy: RunPolicy(maxQuarantined: 1))
    conductor.begin(lastKey: 1)
    let page = Self.packer(.quarantine, limit: 6, maxInputs: 2).pack(Self.page("text 1", "text 22"))
    #expect(
      conductor.tell(.pageRead(page)) == [
        "request 1 x1", "page 0 after 1 up to 1", "settle 2, condemning 1 as tooLarge",
      ])
    _ = conductor.tell(.pageRead(ConductorTests.emptyPage))
    #expect(conductor.tell(.settled) == [])
    #expect(conductor.tell(.received(ConductorTests.id(1), ConductorTests.receipt)) == ["write 1"])
    #expect(conductor.tell(ConductorTests.written([(ConductorTests.id(1), 1)])) == ["settle 1 up to 1"])
    #expect(conductor.tally.quarantined == 1)
    #expect(conductor.tally.requests == 1)
  }
}
