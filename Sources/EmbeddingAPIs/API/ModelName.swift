import Backfill

/// A model's name as a provider spells it, for the comparison of the model asked for with the one that answered.
///
/// Two names mean the same model where they differ only in case, in what comes before the last "/" (gateways and hubs
/// prefix their provider), in the tag ":latest" (Ollama), or in a date at the end ("-2024-02-15", "-20240215", "-0215").
/// A version is another model: "bge-small-en" is not "bge-small-en-v1.5". The one exception is text-embedding-ada-002,
/// which has always answered as "text-embedding-ada-002-v2".
struct ModelName: Equatable {
  private let core: String

  init(_ name: String) {
    var core = name.lowercased()
    core = core.split(separator: "/").last.map(String.init) ?? core
    if core.hasSuffix(":latest") { core.removeLast(7) }
    if core == "text-embedding-ada-002-v2" { core.removeLast(3) }
    core.removeLast(ModelName.lengthOfDate(atEndOf: core))
    self.core = core
  }

  /// In place of a name that may hold what nobody should read.
  static let hidden = "(a name that can't be shown)"

  /// Equal for equal names.
  var digest: String { Array(TextDigest(of: core).bytes).hex }

  /// The ASCII characters of "-2024-02-15", "-20240215" or "-0215" at the end; 0 where there is none.
  private static func lengthOfDate(atEndOf name: String) -> Int {
    ["-0000-00-00", "-00000000", "-0000"].first { pattern in
      pattern.utf8.count <= name.utf8.count
        && zip(pattern.utf8, name.utf8.suffix(pattern.utf8.count)).allSatisfy { form, byte in
          form == UInt8(ascii: "0") ? byte &- 0x30 < 10 : byte == form
        }
    }?.utf8.count ?? 0
  }
}

extension ModelName {
  /// A model's name as a reply says it, as far as it may be shown: its last part, as of "/models/bge-m3-q8_0.gguf"; nil
  /// where that is no plain word.
  static func shown(_ name: String) -> String? {
    let last = name.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
    return last.isWord(with: "_.:-@+") ? last : nil
  }
}
