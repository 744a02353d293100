import Foundation

/// A row of what a ledger's columns have spent and reserved in a pool. One round after another writes it.
///
/// A round tells only what it has spent itself, on top of what the row had before. That is never lowered: a ledger that was
/// lost, copied or put back knows less than its row. While a copy of the ledger writes one row, another round takes the next.
package struct ShareRow: Equatable, Sendable {
  package let participant: String
  package private(set) var spent = 0.0
  package private(set) var reserved = 0.0
  private var writer: Writer?

  /// The round that has written it last.
  private struct Writer: Equatable, Codable {
    let session: String
    /// What was spent, or may have been, before it.
    let earlier: Double
  }

  private init(new participant: String) {
    self.participant = participant
  }

  /// The row that `member` writes, which is one of `rows` or a new one.
  static func own(of member: ShareMember, among rows: [ShareRow], in pool: SharedPool, at now: Double) -> ShareRow {
    if let own = rows.first(where: { $0.isOwn(of: member) }) { return own }
    var row = rows.first { !$0.isLive(in: pool, at: now) } ?? ShareRow(new: newName(for: member, among: rows))
    // What one that died had reserved may have been sent, and only its own ledger knows.
    (row.spent, row.reserved) = (row.committed, 0)
    row.writer = Writer(session: member.session, earlier: row.spent)
    return row
  }

  private static func newName(for member: ShareMember, among rows: [ShareRow]) -> String {
    var (name, number) = (member.participant, 1)
    while rows.contains(where: { $0.participant == name }) {
      number += 1
      name = "\(member.participant)\(separator)\(number)"
    }
    return name
  }

  /// What stands in further rows' names between the participant and a number.
  package static let separator = " "

  var committed: Double { spent + reserved }

  /// What was spent, or may have been, before the round that writes it.
  var earlier: Double { writer?.earlier ?? committed }

  func isOwn(of member: ShareMember) -> Bool { writer?.session == member.session }

  /// Whether a round writes it just now.
  func isLive(in pool: SharedPool, at now: Double) -> Bool {
    writer.flatMap { pool.holders[$0.session] }.map { $0.lapses > now } ?? false
  }

  /// The dollars of it that its round may yet give back, if that was seen a moment ago.
  func mayReturn(in pool: SharedPool, at now: Double) -> Double {
    let holder = writer.flatMap { pool.holders[$0.session] }
    return holder.map { $0.seen > now - 2 * SharedPool.lifetime } ?? false ? reserved : 0
  }

  /// What the round that writes it has spent and reserved.
  mutating func tell(spent: Double, reserved: Double) {
    (self.spent, self.reserved) = (earlier + spent, reserved)
  }
}

extension ShareRow {
  /// As the table has it. One whose `state` says nothing has no writer.
  package init(participant: String, spent: Double, reserved: Double, state: String) {
    (self.participant, self.spent, self.reserved) = (participant, spent, reserved)
    writer = try? JSONDecoder().decode(Writer.self, from: Data(state.utf8))
  }

  /// What the table keeps besides the dollars.
  package func state() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return try writer.map { String(decoding: try encoder.encode($0), as: UTF8.self) } ?? ""
  }
}
