import Backfill
import Foundation

/// What of a request must not be told again when a server quotes it: its texts (P10), the key and what else is secret.
struct Redaction: Sendable {
  let texts: [String]
  let key: String?
  /// What is as secret as the key.
  var otherSecrets: [String] = []
  /// Texts of earlier requests, as far as they are kept: a server, or what stands before it, can answer one request with
  /// another's words.
  var others: [String] = []
  /// How many texts there are of which none is at hand, as where a batch's output is read; nil where `texts` has them all.
  /// Then only words are shown that are known, or that can't be part of a text.
  var unseenCount: Int?

  var textCount: Int { unseenCount ?? texts.count }

  /// A word that shares so many bytes with a text may not be shown, and a sentence not those bytes.
  private static let sharedInWord = 8
  private static let sharedInSentence = 16
  /// A whole text of so many bytes may not be shown in a sentence.
  private static let shortText = 4
  /// So many bytes of the key give it away.
  private static let sharedWithKey = 6

  /// `word`, e.g. an error's code or a request's id, where it may be shown: it is plain, and neither from a text nor from
  /// the key, in whatever form. A code that is the provider's own may share some letters with a text.
  func shown(_ word: String?) -> String? {
    guard let word, word.isPlainWord, !quotesKey(word) else { return nil }
    guard unseenCount == nil else { return ErrorRule.isKnown(word) || word.isNumberedID ? word : nil }
    let runs = SharedRuns(in: ErrorRule.isKnown(word) ? [] : word.disguises, length: Redaction.sharedInWord)
    let isFromText = (texts + others).contains { text in
      text.utf8Contains(word) || (4...128).contains(text.utf8.count) && word.utf8Contains(text) || runs.stand(in: text)
    }
    return isFromText ? nil : word
  }

  /// A model's name, already plain, where it may be shown.
  func shownModel(_ name: String) -> String? {
    guard unseenCount == nil else { return nil }
    let lower = name.lowercased()
    let runs = SharedRuns(in: name.disguises, length: Redaction.sharedInSentence)
    let isFromText = texts.contains { text in
      (1...128).contains(text.utf8.count)
        && (lower == text.lowercased() || text.utf8.count >= 8 && name.utf8Contains(text)) || runs.stand(in: text)
    }
    return isFromText || quotesKey(name) ? nil : name
  }

  /// A model's name of the server's own, where it may be shown: it has no more in common with a text than a word may.
  func shownAlias(_ name: String) -> String? {
    let runs = SharedRuns(in: name.disguises, length: Redaction.sharedInWord)
    return (texts + others).contains(where: runs.stand) ? nil : shownModel(name)
  }

  /// Whether `phrase` stands in a text, whatever the case.
  func standsInText(_ phrase: String) -> Bool { texts.contains { $0.utf8Contains(phrase) } }

  /// `text` on one line of at most 300 characters, without control characters and without the key or what looks like one;
  /// nil where nothing is left.
  func oneLine(_ text: String) -> String? {
    guard unseenCount == nil else { return nil }
    // Bounded first: a page can have megabytes.
    var line = String(text.prefix(4_000)).flat.unescaped.flat
    for secret in secrets where secret.utf8.count >= 6 { line = line.replacing(secret, with: "…") }
    line.replace(/(?i)(bearer|basic)\s+[^\s"',;]{3,}/) { "\($0.1) …" }
    line.replace(/(?i)([?&](?:key|api[-_]?key|token|access_token)=)[^\s&"']+/) { "\($0.1)…" }
    line.replace(/sk-[A-Za-z0-9_*.\-]{2,}[A-Za-z0-9_*\-]/, with: "…")
    line.replace(/(?:pk|rk|pa|al|gsk|hf|jina|nvapi|xai|tgp)[-_][A-Za-z0-9_*\-]{16,}|AIza[A-Za-z0-9_*\-]{8,}/, with: "…")
    line.replace(/[^\s"'`,;:=&?()\[\]{}<>]+/) { quotesKey(String($0.0)) ? "…" : String($0.0) }
    line = withoutTexts(line)
    guard line.contains(where: { $0 != "…" && $0 != " " }) else { return nil }
    return line.count <= 300 ? line : line.prefix(299) + "…"
  }

  /// `line` with "…" in place of what a text has too: a run of bytes, or a whole short text as a word or as some.
  private func withoutTexts(_ line: String) -> String {
    let bytes = line.utf8.map(\.lowercasedASCII)
    let length = Redaction.sharedInSentence
    let runs = SharedRuns(in: [bytes], length: length)
    var quoted: Set<[UInt8]> = []
    var short: Set<[UInt8]> = []
    for text in texts + others where !Input.harmless.texts.contains(text) {
      let flat = text.mayNotBeFlat ? text.flat : text
      if flat.utf8.count >= length {
        quoted.formUnion(runs.shared(with: flat))
      } else if flat.utf8.count >= Redaction.shortText {
        short.insert(flat.utf8.map(\.lowercasedASCII))
      }
    }
    var isQuoted = [Bool](repeating: false, count: bytes.count)
    for start in bytes.indices {
      for end in start + Redaction.shortText..<start + length where end <= bytes.count && !short.isEmpty {
        let isWhole = !bytes.hasWord(across: start) && !bytes.hasWord(across: end)
        if isWhole, short.contains(Array(bytes[start..<end])) {
          isQuoted.replaceSubrange(start..<end, with: repeatElement(true, count: end - start))
        }
      }
      let end = start + length
      if !quoted.isEmpty, end <= bytes.count, quoted.contains(Array(bytes[start..<end])) {
        isQuoted.replaceSubrange(start..<end, with: repeatElement(true, count: length))
      }
    }
    var shown = ""
    var offset = 0
    for character in line {
      let end = offset + character.utf8.count
      if !isQuoted[offset..<end].contains(true) {
        shown.append(character)
      } else if shown.last != "…" {
        shown.append("…")
      }
      offset = end
    }
    return shown
  }

  /// Whether `word` is the key or another secret, or holds a whole one.
  func holdsSecret(_ word: String) -> Bool {
    secrets.contains {
      !$0.isEmpty && (word == $0 || $0.utf8.count >= Redaction.sharedWithKey && word.utf8Contains($0))
    }
  }

  private var secrets: [String] { [key].compactMap(\.self) + otherSecrets }

  /// Whether `word` holds the key or another secret, or enough of it to give it away, in whatever form.
  private func quotesKey(_ word: String) -> Bool { secrets.contains { quotes($0, word) } }

  private func quotes(_ key: String, _ word: String) -> Bool {
    guard !key.isEmpty else { return false }
    if word == key { return true }
    let (length, secret) = (Redaction.sharedWithKey, Array(key.lowercased().utf8))
    guard secret.count >= length else { return false }
    let pieces = Set((0...secret.count - length).map { Array(secret[$0..<$0 + length]) })
    return word.disguises.contains { form in
      guard form.count >= length else { return false }
      let form = form.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
      return (0...form.count - length).contains { pieces.contains(Array(form[$0..<$0 + length])) }
    }
  }
}

extension String {
  /// Whether it is an id such as "batch_req_67ca0f4e…", or a UUID: 16 hexadecimal digits or more, and what kind it is of.
  fileprivate var isNumberedID: Bool { wholeMatch(of: /(?:[a-z]{1,12}[_\-])*[0-9a-f\-]{16,}/) != nil }

  /// `contains` by bytes, whatever the case of ASCII letters. By characters, or in lower-case copies, it takes seconds for
  /// a large request's texts.
  fileprivate func utf8Contains(_ other: String) -> Bool {
    let found = utf8.withContiguousStorageIfAvailable { hay in
      other.utf8.withContiguousStorageIfAvailable { needle in hay.contains(bytes: needle) }
    }
    return (found ?? nil) ?? lowercased().contains(other.lowercased())
  }
}

extension [UInt8] {
  /// Whether letters or digits of ASCII stand on both sides of `index`.
  fileprivate func hasWord(across index: Int) -> Bool {
    func isOfWord(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 }
    return index > 0 && index < count && isOfWord(self[index - 1]) && isOfWord(self[index])
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
