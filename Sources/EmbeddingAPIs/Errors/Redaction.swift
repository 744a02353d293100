import Foundation

/// What of a request must not be told again when a server quotes it: its texts (P10) and the key.
struct Redaction: Sendable {
  let texts: [String]
  let key: String?

  /// `word`, e.g. an error's code or a request's id, where it may be shown: it is plain, and neither from a text nor from
  /// the key.
  func shown(_ word: String?) -> String? {
    guard let word, word.isPlainWord, !standsInText(word), !quotesText(word), !quotesKey(word) else { return nil }
    return word
  }

  /// A model's name, already plain, where it may be shown. It is told of many replies and has to stay the same, so that
  /// only a name that is a text, or has a long one in it, is held back.
  func shownModel(_ name: String) -> String? {
    let lower = name.lowercased()
    let isFromText = texts.contains {
      (1...128).contains($0.utf8.count)
        && (lower == $0.lowercased() || $0.utf8.count >= 8 && name.utf8Contains($0))
    }
    return isFromText || quotesKey(name) ? nil : name
  }

  /// Whether `phrase` stands in a text, whatever the case.
  func standsInText(_ phrase: String) -> Bool { texts.contains { $0.utf8Contains(phrase) } }

  /// `text` on one line of at most 300 characters, without control characters and without the key or what looks like one;
  /// nil where nothing is left.
  func oneLine(_ text: String) -> String? {
    // Bounded first: a page can have megabytes.
    let printable = text.prefix(4_000).unicodeScalars.map { Redaction.blanks.contains($0) ? " " : Character($0) }
    var line = String(printable).split(separator: " ").joined(separator: " ")
    if let key, key.utf8.count >= 6 { line = line.replacing(key, with: "…") }
    line.replace(/(?i)(bearer|basic)\s+[^\s"',;]{3,}/) { "\($0.1) …" }
    line.replace(/(?i)([?&](?:key|api[-_]?key|token|access_token)=)[^\s&"']+/) { "\($0.1)…" }
    line.replace(/sk-[A-Za-z0-9_*.\-]{2,}[A-Za-z0-9_*\-]/, with: "…")
    line.replace(/(?:pk|rk|pa|al|gsk|hf|jina|nvapi|xai|tgp)[-_][A-Za-z0-9_*\-]{16,}|AIza[A-Za-z0-9_*\-]{8,}/, with: "…")
    line.replace(/[^\s"'`,;:=&?()\[\]{}<>]+/) { quotesKey(String($0.0)) ? "…" : String($0.0) }
    guard line.contains(where: { $0 != "…" && $0 != " " }) else { return nil }
    return line.count <= 300 ? line : line.prefix(299) + "…"
  }

  private static let blanks = CharacterSet.controlCharacters.union(.whitespacesAndNewlines)

  private func quotesText(_ word: String) -> Bool {
    texts.contains { (4...128).contains($0.utf8.count) && word.utf8Contains($0) }
  }

  /// Whether `word` holds the key, or is a part of it that is long enough to give it away.
  private func quotesKey(_ word: String) -> Bool {
    guard let key, !key.isEmpty else { return false }
    let core = word.trimmingCharacters(in: .punctuationCharacters)
    return word == key || (key.utf8.count >= 6 && word.contains(key)) || (core.utf8.count >= 6 && key.contains(core))
  }
}

extension String {
  /// `contains` by bytes, whatever the case of ASCII letters. By characters, or in lower-case copies, it takes seconds for
  /// a large request's texts.
  fileprivate func utf8Contains(_ other: String) -> Bool {
    let found = utf8.withContiguousStorageIfAvailable { hay in
      other.utf8.withContiguousStorageIfAvailable { needle in hay.contains(bytes: needle) }
    }
    return (found ?? nil) ?? lowercased().contains(other.lowercased())
  }
}

extension UnsafeBufferPointer<UInt8> {
  fileprivate func contains(bytes needle: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let start = baseAddress, let needleStart = needle.baseAddress, let first = needle.first else {
      return needle.isEmpty
    }
    var offset = 0
    while offset + needle.count <= count {
      // The bit that alone differs between the cases of a letter.
      if start[offset] | 0x20 == first | 0x20, areEqual(start + offset, needleStart, needle.count) { return true }
      offset += 1
    }
    return false
  }
}

/// Whether the bytes are equal, whatever the case of ASCII letters.
private func areEqual(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ count: Int) -> Bool {
  a.withMemoryRebound(to: CChar.self, capacity: count) { a in
    b.withMemoryRebound(to: CChar.self, capacity: count) { b in strncasecmp(a, b, count) == 0 }
  }
}
