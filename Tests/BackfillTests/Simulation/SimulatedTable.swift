import Backfill

/// A table in memory, whose "vectors" are the digests of the inputs that they were made from.
struct SimulatedTable {
  struct Row {
    var text: String?
    var vector: TextDigest?
  }

  private(set) var rows: [Int64: Row] = [:]
  private var edits = 0

  init(rows: [String?]) {
    for (index, text) in rows.enumerated() { self.rows[Int64(index * 3)] = Row(text: text) }
  }

  func page(after key: RowKey?, limit: Int) -> [Message] {
    let last: Int64? = if case .integer(let value) = key { value } else { nil }
    return rows.filter { row in row.value.vector == nil && last.map { row.key > $0 } ?? true }
      .sorted { $0.key < $1.key }.prefix(limit)
      .map { Message(key: .integer($0.key), text: $0.value.text) }
  }

  mutating func write(_ vector: TextDigest, to row: BatchRow) -> Bool {
    guard case .integer(let key) = row.key, let held = rows[key], held.vector == nil, let text = held.text,
      TextDigest(of: text) == row.digest
    else { return false }
    rows[key]?.vector = vector
    return true
  }

  /// Edits, deletes, fills or inserts a row, as the application does meanwhile.
  mutating func disturb(using random: inout SeededGenerator) {
    edits += 1
    let text = "edited \(edits) \(random.next())"
    guard let key = rows.keys.sorted().randomElement(using: &random) else { return }
    switch Int.random(in: 0..<4, using: &random) {
    case 0: if rows[key]?.vector == nil { rows[key]?.text = text }
    case 1: rows[key] = nil
    case 2: rows[key] = Row(text: text, vector: TextDigest(of: text))
    default: rows[Int64.random(in: -10...5000, using: &random) * 3 + 1] = Row(text: text)
    }
  }
}
