import Backfill
import Foundation
import MessageStores
import TestSupport
import Testing

/// Templates as the databases put them together, against the same templates put together here.
///
/// `VECFILL_SEED=17` replays one seed, `VECFILL_SEED=0-500` runs many.
@Suite struct SourceTextPropertyTests {
  static let seeds: ClosedRange<UInt64> = {
    let words = (ProcessInfo.processInfo.environment["VECFILL_SEED"] ?? "0-2").split(separator: "-").map { UInt64($0) }
    let ends = words.map { $0 ?? 0 }
    return (ends.first ?? 0)...max(ends.first ?? 0, ends.last ?? 0)
  }()

  static let odd = [
    "", " ", "\t", "\n", "\r\n", "a", "Grüße", "cafe\u{301}", "\u{301}", "'", "''", "\\", "\\'", "\"", "{", "}",
    "{title}",
    "{{", "$1", "?", ":a", "%s", "--", "/*", ";", "\u{a0}", "\u{feff}", "\u{200b}", "👩‍👩‍👧‍👦", "\u{1}", "line\nline\n",
    "NULL",
    String(repeating: "x", count: 1001), String(repeating: " ", count: 1001),
  ]
  static let literals = odd + [" ", "\n", "\n\n", ": ", "Title: ", "\nBody: ", " (by ", "\n- ", ", "]

  static func template(_ random: inout SeededGenerator) -> TextTemplate {
    let pieces = (0..<Int.random(in: 1...4, using: &random)).map { _ in
      TextTemplate.Piece(
        before: literals.randomElement(using: &random) ?? "",
        column: ["title", "body", "author", "Odd \"name\" x"].randomElement(using: &random) ?? "")
    }
    return TextTemplate(pieces, end: literals.randomElement(using: &random) ?? "")
  }

  static func text(_ random: inout SeededGenerator, zeros: Bool) -> String? {
    guard !random.chance(0.25) else { return nil }
    let words = (0..<Int.random(in: 0...3, using: &random)).map { _ in odd.randomElement(using: &random) ?? "" }
    return words.joined() + (zeros && random.chance(0.1) ? "\0b" : "")
  }

  @Test(arguments: StoreKind.allCases)
  func `each database puts a template together as its rule says`(_ kind: StoreKind) async throws {
    for seed in Self.seeds {
      print("\(kind) seed \(seed)")
      var random = SeededGenerator(seed: seed)
      let fixture = try await StoreFixture(bare: kind)
      try await fixture.run(
        """
        CREATE TABLE messages (id \(kind.isPostgres ? "bigint" : "INTEGER") PRIMARY KEY, title text,
          body \(kind.isPostgres ? "varchar" : "BLOB"), author text \(kind.isPostgres ? "COLLATE \"C\"" : ""),
          "Odd ""name"" x" text, embedding \(fixture.vectorType(3)))
        """)
      let names = ["title", "body", "author", "Odd \"name\" x"]
      var rows: [[String: String]] = []
      var values: [String] = []
      for id in 1...60 {
        var row: [String: String] = [:]
        for name in names { row[name] = Self.text(&random, zeros: !kind.isPostgres) }
        rows.append(row)
        values.append("(\(id), \(names.map { Self.literal(row[$0], kind) }.joined(separator: ", ")))")
      }
      try await fixture.run(
        "INSERT INTO messages (id, title, body, author, \"Odd \"\"name\"\" x\") VALUES \(values.joined(separator: ", "))"
      )
      let store = try await fixture.open()
      for _ in 0..<8 {
        let template = Self.template(&random)
        #expect(try TextTemplate(parsing: template.spelling ?? "") == template)
        let source = Source(table: "messages", text: .template(template))
        _ = try await store.inspect(source, dimensions: 3)
        let messages = try await store.page(of: source, after: nil, limit: 100)
        let expected = rows.map { template.text(of: $0) }
        #expect(
          messages.map { $0.text.map { Array($0.utf8) } }
            == expected.map { $0.flatMap { $0.isBlank ? nil : Array($0.utf8) } },
          "seed \(seed), \(template.spelling)")
        // By the digest of each, so that the database's own is of the very same bytes.
        let batch = zip(messages, expected).map { EmbeddedRow($0.key, $1 ?? "", [1, 2, 3]) }
        let present = Set(zip(messages, expected).compactMap { $1 == nil ? nil : $0.key })
        #expect(try await store.write(batch, to: source).written == present, "seed \(seed), \(template.spelling)")
        try await fixture.run("UPDATE messages SET embedding = NULL")
      }
      await store.close()
    }
  }

  private static func literal(_ text: String?, _ kind: StoreKind) -> String {
    guard let text else { return "NULL" }
    let hex = Array(text.utf8).hex
    return kind.isPostgres ? "convert_from('\\x\(hex)', 'UTF8')" : "CAST(x'\(hex)' AS TEXT)"
  }
}

extension TextTemplate {
  /// The text of a row, by the rule and nothing else; nil where no column is left.
  func text(of row: [String: String]) -> String? {
    var text: String?
    for (index, piece) in pieces.enumerated() {
      guard let value = row[piece.column], !value.utf8.isEmpty else { continue }
      let behindBreak = String(
        decoding: piece.before.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).last ?? [],
        as: UTF8.self)
      let cut = piece.before.utf8.contains(UInt8(ascii: "\n")) ? behindBreak : ""
      let before = text != nil || index == 0 ? piece.before : cut
      text = (text ?? "") + before + value + (index == pieces.count - 1 ? end : "")
    }
    return text
  }
}
