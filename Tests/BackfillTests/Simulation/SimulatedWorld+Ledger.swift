import Backfill
import TestSupport

/// What is durable beside the rows.
extension SimulatedWorld {
  mutating func settle(_ settlement: Settlement) {
    for id in settlement.batches { ledger.spool[id] = nil }
    for watermark in settlement.watermarks {
      ledger.watermarks[watermark.source] = watermark.key
    }
    for row in settlement.condemned {
      ledger.quarantine[row.source][row.key] = row
      guard case .integer(let key) = row.key, let text = tables[row.source].rows[key]?.text,
        TextDigest(of: text) == row.digest
      else { continue }
      guard let trouble = Trouble(in: text) else {
        // Before twenty answers nobody can tell chance from cause within the requests that isolation may cost.
        if answersInRun < 20 {
          condemnedByChance += 1
        } else {
          violations.append("healthy row \(key) of table \(row.source) is in quarantine: \(row.condemnation.reason)")
        }
        continue
      }
      troubles[trouble, default: 0] += 1
    }
    for watermark in settlement.watermarks { expectSettled(through: watermark.key, in: watermark.source) }
  }

  /// A watermark leaves nothing behind it but rows that others have touched, rows whose vector is in the spool, and those
  /// that wait for an equal text.
  private mutating func expectSettled(through key: RowKey, in source: Int) {
    guard case .integer(let last) = key, job.duplicates == .page else { return }
    let spooled = Set(ledger.spool.values.lazy.filter { $0.source == source }.flatMap { $0.rows.map(\.key) })
    var first = Int64.min
    if case .integer(let key)? = resumedAfter[source] { first = key }
    for key in present[source] where key > first && key <= last {
      guard let row = tables[source].rows[key], row.vector == nil, let text = row.text,
        TextPreparation().input(for: text) != nil,
        ledger.quarantine[source][.integer(key)]?.digest != TextDigest(of: text), !spooled.contains(.integer(key))
      else { continue }
      violations.append("the watermark of table \(source) is at \(last), and row \(key) is not settled")
    }
  }

  /// Between two runs the ledger's file may be lost, or an old copy of it may be put back.
  mutating func disturbLedger() {
    guard faults.ledgerLoss > 0 else { return }
    if runs > 1, ledgerFate.chance(faults.ledgerLoss) {
      if ledgerFate.chance(0.3) {
        lostLedgers += 1
        ledger = SimulatedLedger(sources: tables.count)
        // A column that has vectors and no record is compared first.
        ledger.unproven = Set(tables.indices.filter { tables[$0].rows.values.contains { $0.vector != nil } })
      } else if let copy = copies.randomElement(using: &ledgerFate) {
        oldLedgers += 1
        ledger = copy
      }
      billedWithoutReply = min(billedWithoutReply, ledger.possiblyPaid)
    }
    copies.append(ledger)
  }
}
