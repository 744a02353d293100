import Backfill
import TestSupport

/// A table in memory, whose "vectors" are the digests of the inputs that they were made from.
struct SimulatedTable {
  struct Row {
    let text: String?
    var vector: TextDigest?
    /// Of the text that the vector was made of; nil where nobody knows it.
    var digest: TextDigest?
    /// Of the text that it has now; a row without one has that of an empty text.
    let textDigest: TextDigest
    let trouble: Trouble?

    init(text: String?, vector: TextDigest? = nil, digest: TextDigest? = nil) {
      self.text = text
      self.vector = vector
      self.digest = digest
      textDigest = TextDigest(of: text ?? "")
      trouble = text.flatMap { Trouble(in: $0) }
    }

    /// Whether the vector is of an earlier text.
    var isStale: Bool { vector != nil && digest.map { $0 != textDigest } ?? false }
  }

  /// Whether the application also edits texts that have a vector, and digests are kept.
  let hasEdits: Bool

  private(set) var rows: [Int64: Row] = [:]
  /// The keys of `rows`, in their order.
  private(set) var keys: [Int64]
  /// Rows that another transaction holds, and until when.
  private(set) var locks: [Int64: Duration] = [:]
  private var edits = 0
  /// Vectors of an earlier text that were replaced.
  private(set) var replaced = 0
  /// Rows that got the vector of another text.
  private(set) var mixed: [Int64] = []
  private(set) var lastInserted: Int64
  /// Whether the database refuses each row's vector.
  var refusesAll = false

  init(rows: [String?], hasEdits: Bool = false) {
    self.hasEdits = hasEdits
    keys = rows.indices.map { Int64($0 * 3) }
    for (key, text) in zip(keys, rows) { self.rows[key] = Row(text: text) }
    lastInserted = Int64(rows.count * 3)
  }

  var lastKey: RowKey? { keys.last.map { .integer($0) } }

  /// How many keys are below `key`.
  private func rank(of key: Int64) -> Int {
    var range = keys.indices
    while !range.isEmpty {
      let middle = (range.lowerBound + range.upperBound) / 2
      range = keys[middle] < key ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    return range.lowerBound
  }

  /// Those above `after` and not above `through`; nil is no bound.
  func keys(after: Int64?, through: Int64?) -> ArraySlice<Int64> {
    let first = after.map { rank(of: $0 + 1) } ?? 0
    return keys[first..<max(first, through.map { rank(of: $0 + 1) } ?? keys.count)]
  }

  private mutating func insert(_ key: Int64, _ row: Row) {
    if rows.updateValue(row, forKey: key) == nil { keys.insert(key, at: rank(of: key)) }
  }

  private mutating func remove(_ key: Int64) {
    if rows.removeValue(forKey: key) != nil { keys.remove(at: rank(of: key)) }
  }

  /// A page like a store's that looks at no more than `window` rows, filled ones included.
  func page(_ request: PageRequest, window: Int) -> MessagePage {
    func number(_ key: RowKey?) -> Int64? { if case .integer(let value) = key { value } else { nil } }
    let keys = keys(after: number(request.after), through: number(request.through))
    var messages: [Message] = []
    var looked: Int64?
    for key in keys.prefix(window) where messages.count < request.limit {
      looked = key
      guard let row = rows[key], request.rows == .missing ? row.vector == nil : row.isStale else { continue }
      if row.trouble == .unreadable {
        messages.append(
          Message(key: .integer(key), unreadable: UnreadableText(reason: "garbled", digest: row.textDigest)))
      } else if !request.leavesOutBlank || row.text?.contains(where: { !$0.isWhitespace }) == true {
        messages.append(Message(key: .integer(key), text: row.text))
      }
    }
    return MessagePage(messages, continuesAfter: looked == keys.last ? nil : looked.map { .integer($0) })
  }

  /// Writes like a store: what became of each row.
  mutating func write(_ vectors: [(row: BatchRow, vector: TextDigest)], at now: Duration) -> WriteOutcome {
    var outcome = WriteOutcome()
    for (row, vector) in vectors {
      guard case .integer(let key) = row.key, let held = rows[key], held.vector == nil || hasEdits && held.isStale,
        held.text != nil, held.textDigest == row.digest
      else { continue }
      if let until = locks[key], until > now {
        outcome.locked.insert(row.key)
        outcome.lockHolders = "pid 1"
        continue
      }
      guard !refusesAll else {
        outcome.refused[row.key] = "the trigger audit refuses it (SQLSTATE 42704)"
        continue
      }
      switch held.trouble {
      case .refusedByDatabase: outcome.refused[row.key] = "check constraint (SQLSTATE 23514)"
      case .takesNoVector:
        outcome.unfilled.insert(row.key)
        outcome.hooks = "trigger clr"
      default:
        if held.vector != nil { replaced += 1 }
        if vector != held.textDigest { mixed.append(key) }
        rows[key]?.vector = vector
        rows[key]?.digest = hasEdits ? row.digest : nil
        outcome.written.insert(row.key)
      }
    }
    outcome.refusesAll = refusesAll && !outcome.refused.isEmpty
    return outcome
  }

  /// Edits, deletes, fills or inserts a row, as the application does meanwhile; returns the key.
  mutating func disturb(using random: inout SeededGenerator) -> Int64? {
    edits += 1
    let text = "edited \(edits) \(random.next())"
    guard let key = keys.randomElement(using: &random) else { return nil }
    switch Int.random(in: 0..<4, using: &random) {
    case 0: edit(key, to: text)
    case 1: remove(key)
    case 2: rows[key] = Row(text: text, vector: TextDigest(of: text))
    default:
      let inserted = Int64.random(in: -10...5000, using: &random) * 3 + 1
      insert(inserted, Row(text: text))
      return inserted
    }
    return key
  }

  private mutating func edit(_ key: Int64, to text: String) {
    guard let row = rows[key], row.vector == nil || hasEdits else { return }
    // As the trigger does: also a vector of which nobody knew the text is of an earlier one now.
    let digest = row.vector != nil && row.digest == nil ? TextDigest(of: "") : row.digest
    rows[key] = Row(text: text, vector: row.vector, digest: digest)
  }

  /// A new row at the end, as a live application writes them; returns its key.
  mutating func append(_ text: String) -> Int64 {
    lastInserted += 1
    insert(lastInserted, Row(text: text))
    return lastInserted
  }

  mutating func lock(until time: Duration, using random: inout SeededGenerator) {
    guard let key = keys.randomElement(using: &random) else { return }
    locks[key] = time
  }
}
