/// What `scripts/fuzz` feeds with random bytes, and the tests with those of the corpus.
package enum FuzzTarget: String, CaseIterable, Sendable {
  /// A reply's body, in each API's format.
  case reply
  /// A refusal: a status, headers and a body.
  case headers
  /// The lines of a batch's output.
  case batch
  /// A file of vectors to load.
  case load
  /// A job spec.
  case spec
  /// A `.env` file.
  case dotenv
  /// A catalogue of models and prices.
  case catalogue
  /// A database's address.
  case url
  /// A migration's file.
  case migration
  /// What the database's spool and the ledger hold of a batch.
  case spool
  /// A ledger's file.
  case ledger

  /// Reads `bytes` as the product does, and returns which promise was broken; nil where none was.
  package func check(_ bytes: [UInt8]) -> String? {
    do {
      switch self {
      case .reply: try ReplyCheck.reply(bytes)
      case .headers: try ReplyCheck.headers(bytes)
      case .batch: try BatchCheck.lines(bytes)
      case .load: try LoadCheck.file(bytes)
      case .spec: try ConfigurationCheck.spec(bytes)
      case .dotenv: try ConfigurationCheck.dotenv(bytes)
      case .catalogue: try ConfigurationCheck.catalogue(bytes)
      case .url: try URLCheck.url(bytes)
      case .migration: try MigrationCheck.file(bytes)
      case .spool: try SpoolCheck.entry(bytes)
      case .ledger: try Waiting.for { try await LedgerCheck.file(bytes) }
      }
      return nil
    } catch {
      return "\(error)"
    }
  }
}

/// A promise that an input broke.
struct Broken: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// What must never be told.
enum Canary {
  static let key = "sk-Zq7XwV9kJt4PhM2bNc5RgT8y"

  /// Checks that `told` is one line and holds nothing of the key: no run of so many of its bytes, whatever their case.
  static func check(_ told: String, run length: Int = key.utf8.count) throws {
    try checkLine(told)
    let (told, key) = (Array(told.lowercased().utf8), Array(key.lowercased().utf8))
    guard told.count >= length else { return }
    let runs = Set((0...key.count - length).map { Array(key[$0..<$0 + length]) })
    for start in 0...told.count - length where runs.contains(Array(told[start..<start + length])) {
      throw Broken("it tells the key: \(String(decoding: told, as: UTF8.self).debugDescription)")
    }
  }

  /// Checks that `told` is one line, without what steers a terminal.
  static func checkLine(_ told: String) throws {
    guard !told.contains(where: \.isNewline),
      !told.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
    else { throw Broken("more than one line: \(told.debugDescription)") }
  }
}

/// Reads an input's first bytes as choices, so that what stands behind them is the file itself. "0" is the first choice.
struct FuzzInput {
  private(set) var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  /// A number below `count`; 0 where no byte is left.
  mutating func choice(_ count: Int) -> Int { Int((rest.popFirst() ?? 0x30) &- 0x30) % count }
}
