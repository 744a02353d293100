import Foundation

/// Secrets that no other text has, and the search for them in all that was written, whole or in part, in any form.
struct Canary: Sendable {
  static let key = "sk-Jq7XvKz3mWpT9cRbYd5HgNf2Lw8"
  static let password = "Wk8@Zq/Xj4:Vp%Ty?Gm#Rb=Dh"
  /// The part of a row's text that is searched for.
  static let mark = "FjordQuartz«Vexed»JinxWyvern7vKdQx"
  /// A plain half of it, as a server can quote it in an id.
  static let half = "JinxWyvern7vKdQx"

  /// A row's text; no two are the same.
  static func text(_ number: Int) -> String { "\(mark) \(number)" }

  static let all = Canary([key, password, mark])

  /// Eight bytes that follow one another in one of them, in lower case, and what they are a part of.
  private let pieces: [UInt64: String]

  private init(_ secrets: [String]) {
    var pieces: [UInt64: String] = [:]
    for secret in secrets {
      for form in Canary.forms(of: secret) {
        let bytes = Array(form.lowercased().utf8)
        guard bytes.count >= 8 else { continue }
        for start in 0...bytes.count - 8 {
          pieces[bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }] = form
        }
      }
    }
    self.pieces = pieces
  }

  /// The forms in which it is looked for: as it is, percent-encoded, as JSON and in HTML, in base64 and hexadecimal.
  static func forms(of secret: String) -> [String] {
    let bytes = Array(secret.utf8)
    let json = secret.unicodeScalars.map { $0.isASCII ? "\($0)" : String(format: "\\u%04x", $0.value) }.joined()
    var forms = [
      secret, secret.replacing("/", with: "\\/"), json, bytes.map { String(format: "%02x", $0) }.joined(),
      secret.replacing("«", with: "&laquo;"), String(secret.reversed()),
    ]
    if let encoded = secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) { forms.append(encoded) }
    for offset in 0..<3 {
      let shifted = Data([UInt8](repeating: 0x20, count: offset) + bytes).base64EncodedString()
      // The first characters hold the spaces too, the last ones the padding.
      forms.append(String(shifted.dropFirst(offset == 0 ? 0 : 4).dropLast(4)))
    }
    return forms
  }

  /// The first piece of a secret that stands in `data`, with what is around it.
  func found(in data: Data) -> String? {
    var window: UInt64 = 0
    for (offset, byte) in data.enumerated() {
      window = window << 8 | UInt64((0x41...0x5A).contains(byte) ? byte | 0x20 : byte)
      guard offset >= 7, let whole = pieces[window] else { continue }
      let around = data[(data.startIndex + max(0, offset - 60))..<(data.startIndex + min(data.count, offset + 60))]
      return "a part of \(whole) in: \(String(decoding: around, as: UTF8.self))"
    }
    return nil
  }

  func found(in text: String) -> String? { found(in: Data(text.utf8)) }

  /// The files under `folder`, at any depth, that hold a piece of one, but for those of these names.
  func files(in folder: String, but known: Set<String>) -> [String] {
    guard let files = FileManager.default.enumerator(atPath: folder) else { return ["\(folder) can't be read"] }
    return files.compactMap { $0 as? String }.compactMap { name in
      guard !known.contains((name as NSString).lastPathComponent),
        let data = FileManager.default.contents(atPath: "\(folder)/\(name)"), let found = found(in: data)
      else { return nil }
      return "\(name): \(found)"
    }
  }
}
