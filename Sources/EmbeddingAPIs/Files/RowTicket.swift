import Backfill
import Foundation

/// Which row an exported line is of, and of which text: its `custom_id`, which every engine hands back.
///
/// `vf1.SOURCE.TAG.KEY.DIGEST`, and behind the parts of a long text `.WEIGHT-WEIGHT`. All of it is safe in a URL and in a
/// file's name, and holds no text of the row but its key.
package struct RowTicket: Hashable, Sendable {
  /// The place of the row's table in the job.
  package let source: Int
  /// Stands for what the column's vectors are made of.
  package let tag: String
  package let key: RowKey
  /// The digest of the row's text as it was read.
  package let digest: TextDigest
  /// What the vector of each part of the text weighs in the mean; none where the text is sent whole.
  package let weights: [Int]

  package init(source: Int, tag: String, key: RowKey, digest: TextDigest, weights: [Int] = []) {
    self.source = source
    self.tag = tag
    self.key = key
    self.digest = digest
    self.weights = weights
  }

  /// The ticket that `text` is; nil where it is none.
  package init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard (5...6).contains(parts.count), parts[0] == "vf1", let source = Int(parts[1]), source >= 0, !parts[2].isEmpty,
      let key = RowTicket.key(parts[3]), let digest = Base64URL.decode(parts[4]).flatMap({ TextDigest(bytes: $0) })
    else { return nil }
    let weights = parts.count == 6 ? parts[5].split(separator: "-").map { Int($0) ?? 0 } : []
    guard weights.allSatisfy({ $0 > 0 }), parts.count == 5 || weights.count > 1 else { return nil }
    self.init(source: source, tag: String(parts[2]), key: key, digest: digest, weights: weights)
  }

  /// Integers stand as they are; any other key as its JSON, in base64.
  private static func key(_ text: Substring) -> RowKey? {
    guard text.first == "k" else { return Int64(text).map { .integer($0) } }
    return Base64URL.decode(text.dropFirst()).flatMap { try? JSONDecoder().decode(RowKey.self, from: Data($0)) }
  }

  private var keyText: String {
    if case .integer(let value) = key { return "\(value)" }
    // A key is of integers and texts, which JSON has.
    return "k" + Base64URL.encode((try? JSONEncoder().encode(key)) ?? Data())
  }
}

extension RowTicket: CustomStringConvertible {
  package var description: String {
    let parts = ["vf1", "\(source)", tag, keyText, Base64URL.encode(digest.bytes)]
    let all = weights.isEmpty ? parts : parts + [weights.map(String.init).joined(separator: "-")]
    return all.joined(separator: ".")
  }
}

extension Fingerprint {
  /// Eight characters that stand for it in a `RowTicket`.
  package func tag() throws -> String { Base64URL.encode(TextDigest(of: try recorded()).bytes.prefix(6)) }
}
