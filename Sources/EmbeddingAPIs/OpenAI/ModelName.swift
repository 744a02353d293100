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
    if let date = core.firstMatch(of: /-(\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$/) { core.removeSubrange(date.range) }
    self.core = core
  }
}

extension ModelName {
  /// A model's name as a reply tells it, as far as it may be shown: its last part, as of "/models/bge-m3-q8_0.gguf"; nil
  /// where that is no plain word.
  static func shown(_ name: String) -> String? {
    let last = name.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
    return (1...128).contains(last.utf8.count) && last.wholeMatch(of: /[A-Za-z0-9_.:@+\-]+/) != nil ? last : nil
  }
}
