import Testing

@testable import Backfill

/// What the rows of a pool say of money, whatever the ledgers know.
struct ShareReadingTests {
  private static let budget = 10.0

  private static func member(_ participant: String, _ session: String) -> ShareMember {
    ShareMember(pool: "p", participant: participant, session: session, job: "j", process: "h")
  }

  private static func ask(spent: Double = 0, reserved: Double = 0) -> ShareAsk {
    var ask = ShareAsk()
    ask.next = ShareAmount(requests: 1, tokens: 100)
    (ask.dollars.spent, ask.dollars.reserved, ask.dollars.kept) = (spent, reserved, spent + reserved)
    (ask.dollars.least, ask.dollars.wanted) = (spent + reserved + 1, spent + reserved + 2)
    ask.dollars.budget = budget
    return ask
  }

  /// Claims and writes, and returns up to where spending may go.
  private static func claim(
    _ allowance: inout SimulatedAllowance, _ member: ShareMember, spent: Double, at now: Double
  ) -> ShareGrant {
    let (grant, change) = allowance.read(for: member, at: now).claim(ask(spent: spent), by: member)
    let isWritten = allowance.write(change, over: allowance.version)
    #expect(isWritten)
    return grant
  }

  /// What all have spent and reserved.
  private static func total(_ allowance: SimulatedAllowance) -> Double {
    allowance.read(for: member("nobody", ""), at: 0).others
  }

  @Test(arguments: ["released", "killed"])
  func `what a ledger spent counts though an older copy of it is put back, or it is lost`(end: String) {
    var allowance = SimulatedAllowance(at: 0)
    let first = Self.member("a/1", "1")
    #expect(Self.claim(&allowance, first, spent: 0, at: 1).committed == 2)
    #expect(Self.claim(&allowance, first, spent: 6, at: 2).committed == 8)
    if end == "released" { allowance.release(ShareAmount(), spent: 6, by: first, at: 2) }
    let counted = end == "released" ? 6.0 : 8
    #expect(Self.total(allowance) == counted)
    // Its ledger may know of nothing. Ten times begun, nothing is counted again.
    for number in 2...11 {
      let next = Self.member("a/1", "\(number)")
      let grant = Self.claim(&allowance, next, spent: 0, at: Double(number) * 10)
      #expect(grant.others == counted && grant.committed == 2)
      allowance.release(ShareAmount(), spent: 0, by: next, at: Double(number) * 10)
      #expect(Self.total(allowance) == counted)
    }
    #expect(allowance.rows == 1)
  }

  @Test func `two copies of one ledger, both live, count each for itself`() {
    var allowance = SimulatedAllowance(at: 0)
    let copies = [Self.member("a/1", "1"), Self.member("a/1", "2")]
    for step in 1...4 {
      for copy in copies {
        let grant = Self.claim(&allowance, copy, spent: Double(step), at: Double(step))
        #expect(grant.committed <= Self.budget - grant.others)
      }
    }
    for copy in copies { allowance.release(ShareAmount(), spent: 4, by: copy, at: 5) }
    // An answer that was lost: it is told twice.
    allowance.release(ShareAmount(), spent: 4, by: copies[0], at: 5)
    #expect(Self.total(allowance) == 8 && allowance.rows == 2)
    #expect(Self.claim(&allowance, Self.member("a/1", "3"), spent: 0, at: 20).others == 8)
    #expect(allowance.rows == 2)
  }

  @Test func `a process that stood still while a copy took its row counts on in another`() {
    var allowance = SimulatedAllowance(at: 0)
    let (first, copy) = (Self.member("a/1", "1"), Self.member("a/1", "2"))
    _ = Self.claim(&allowance, first, spent: 1, at: 1)
    #expect(Self.claim(&allowance, copy, spent: 0, at: 10).others == 3)
    let back = Self.claim(&allowance, first, spent: 2, at: 11)
    // Never too little: 2 are spent, and the copy may spend 2.
    #expect(back.others == 5)
    allowance.release(ShareAmount(), spent: 2, by: first, at: 12)
    allowance.release(ShareAmount(), spent: 0, by: copy, at: 12)
    #expect(Self.total(allowance) >= 2)
  }

  @Test func `shards of one ledger, one after another or side by side, count nothing twice`() {
    var allowance = SimulatedAllowance(at: 0)
    for shard in 1...4 {
      let member = Self.member("a/\(shard)", "\(shard)")
      let grant = Self.claim(&allowance, member, spent: 0, at: Double(shard) / 10)
      #expect(grant.others == Double(shard - 1) * 2)
      _ = Self.claim(&allowance, member, spent: 1, at: Double(shard) / 10)
      allowance.release(ShareAmount(), spent: 2, by: member, at: Double(shard) / 10)
    }
    #expect(Self.total(allowance) == 8)
    // A source more: another set of columns.
    #expect(Self.claim(&allowance, Self.member("a/1,2,3,4,5", "5"), spent: 0, at: 1).others == 8)
  }

  @Test func `a row is read as it was written, and one of nobody's has all of its money from before`() throws {
    var allowance = SimulatedAllowance(at: 0)
    let member = Self.member("a/1", "1")
    _ = Self.claim(&allowance, member, spent: 3, at: 1)
    let row = try #require(allowance.read(for: member, at: 1).rows.first)
    let read = ShareRow(
      participant: row.participant, spent: row.spent, reserved: row.reserved, state: try row.state())
    #expect(read == row && read.isOwn(of: member))
    for state in ["", "{}", "what is this?"] {
      let row = ShareRow(participant: "a/1", spent: 3, reserved: 2, state: state)
      #expect(row.earlier == 5 && !row.isOwn(of: member))
    }
  }
}
