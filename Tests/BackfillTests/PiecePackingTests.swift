import Backfill
import Testing

/// Pieces of texts on their way into requests.
@Suite struct PiecePackingTests {
  static let cutting = Cutting(tokens: 16, overlap: 0)

  static func packer(maxInputs: Int) -> Packer {
    Packer(preparation: TextPreparation(), maxInputs: maxInputs) { $0.count }
  }

  /// A text of so many pieces: "1 aaaaaaaaaaa", "2 aaaaaaaaaaa" and so on.
  static func text(pieces: Int, _ letter: String = "a") -> String {
    (1...pieces).map { "\(letter)\($0) " + String(repeating: letter, count: 12 - "\($0)".count) }
      .joined(separator: "\n\n")
  }

  static func pack(_ texts: [String], maxInputs: Int, paid: [RowKey: PaidPieces] = [:]) -> PackedPage {
    let messages = texts.enumerated().map { Message(key: .integer(Int64($0 + 1)), text: $1) }
    return packer(maxInputs: maxInputs)
      .pack(MessagePage(messages, continuesAfter: nil), cutting: cutting, paid: paid)
  }

  static func paid(_ text: String, _ numbers: [Int], of count: Int, in batch: Int) -> PaidPieces {
    let page = pack([text], maxInputs: 1_000)
    var paid = PaidPieces(digest: TextDigest(of: text))
    for row in page.contents[0].rows {
      guard let piece = row.piece, numbers.contains(piece.number) else { continue }
      paid.add(piece, in: BatchID(run: 1, number: batch))
    }
    return paid
  }

  @Test func `the pieces of a row stay in one request where they fit, and a long row has its own`() {
    let page = Self.pack(
      [Self.text(pieces: 1, "a"), Self.text(pieces: 2, "b"), Self.text(pieces: 7, "c"), Self.text(pieces: 2, "d")],
      maxInputs: 4)
    #expect(page.taken == 4)
    #expect(page.bundles.map { $0.keys.map(\.description).sorted() } == [["3"], ["1", "2"], ["4"]])
    for bundle in page.bundles {
      let rows = page.contents[bundle.contents].flatMap(\.rows)
      #expect(Set(rows.map(\.key)) == bundle.keys)
      for key in bundle.keys {
        let pieces = rows.filter { $0.key == key }.compactMap(\.piece)
        #expect(Set(pieces.map(\.number)) == Set(0..<(pieces.first?.count ?? 0)))
      }
    }
    #expect(page.contents.allSatisfy { $0.inputs.count <= 4 })
  }

  @Test func `the same piece in two rows is asked for once`() {
    let page = Self.pack([Self.text(pieces: 2), Self.text(pieces: 2)], maxInputs: 10)
    #expect(page.contents.count == 1)
    #expect(page.contents[0].inputs.count == 2)
    #expect(page.contents[0].rows.count == 4)
  }

  @Test func `pieces that are paid for are not asked for again, if they are of the very text`() {
    let text = Self.text(pieces: 5)
    let page = Self.pack([text], maxInputs: 2, paid: [1: Self.paid(text, [0, 1, 4], of: 5, in: 9)])
    #expect(page.contents.flatMap(\.rows).compactMap(\.piece).map(\.number) == [2, 3])
    #expect(page.bundles.map(\.kept) == [[BatchID(run: 1, number: 9)]])
    let edited = Self.pack([text + "!"], maxInputs: 2, paid: [1: Self.paid(text, [0, 1, 4], of: 5, in: 9)])
    #expect(edited.contents.flatMap(\.rows).count == 5)
    #expect(edited.bundles.map(\.kept) == [[]])
  }

  @Test func `a row whose pieces are all paid for needs no request`() {
    let text = Self.text(pieces: 3)
    let page = Self.pack([text], maxInputs: 2, paid: [1: Self.paid(text, [0, 1, 2], of: 3, in: 9)])
    #expect(page.contents.isEmpty)
    #expect(page.bundles.map(\.keys) == [[1]])
  }

  @Test func `an estimate counts rows as rows and pieces as vectors`() {
    let text = Self.text(pieces: 5)
    let page = Self.pack(
      [text, Self.text(pieces: 3, "b"), "short"], maxInputs: 2,
      paid: [2: Self.paid(Self.text(pieces: 3, "b"), [0, 1, 2], of: 3, in: 9)])
    var estimate = Estimate(isSample: true)
    estimate.add(PageFigures(page))
    #expect(estimate.rows == 2)
    #expect(estimate.spooled == 1)
    #expect(estimate.rowsRead == 3)
    #expect(estimate.vectors == 6)
    #expect(estimate.requests == 4)
    #expect(estimate.tokenSum == page.contents.reduce(0) { $0 + $1.tokenCount })
    #expect(estimate.projected(to: 30).vectors == 60)
  }

  @Test func `a text of too many pieces is left out, and costs nothing`() {
    var packer = Self.packer(maxInputs: 2)
    packer.mostPieces = 3
    let page = packer.pack(
      MessagePage(
        [Message(key: 1, text: Self.text(pieces: 4)), Message(key: 2, text: "short")], continuesAfter: nil),
      cutting: Self.cutting)
    #expect(page.garbled.map(\.key) == [1])
    #expect(page.taken == 1)
    #expect(page.contents.map(\.texts) == [["short"]])
  }
}

extension RowKey: ExpressibleByIntegerLiteral {
  package init(integerLiteral value: Int64) { self = .integer(value) }
}
