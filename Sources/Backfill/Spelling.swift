/// What a person probably meant by a word that is not allowed.
package enum Spelling {
  /// The allowed word that differs from `word` by a slip or two, or only in case, "-" and "_"; nil where none does.
  package static func nearest(to word: String, in allowed: [String]) -> String? {
    let letters = normalised(word)
    guard letters.count <= 64 else { return nil }
    let candidates = allowed.map { (word: $0, slips: slips(from: letters, to: normalised($0))) }
    guard let best = candidates.min(by: { $0.slips < $1.slips }) else { return nil }
    return best.slips <= min(2, letters.count / 3) ? best.word : nil
  }

  private static func normalised(_ word: String) -> [Character] {
    Array(word.lowercased().filter { $0 != "_" && $0 != "-" })
  }

  /// How many letters must be put in, left out, changed or swapped with their neighbour.
  private static func slips(from a: [Character], to b: [Character]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          best = min(best, beforeLast[j - 1] + 1)
        }
        row.append(best)
      }
      beforeLast = last
      last = row
    }
    return last[b.count]
  }
}
