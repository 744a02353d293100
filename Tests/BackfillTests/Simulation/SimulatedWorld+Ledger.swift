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
      guard case .integer(let key) = row.key, let held = tables[row.source].rows[key], held.text != nil,
        held.textDigest == row.digest
      else { continue }
      guard let trouble = held.trouble else {
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
    var first = Int64.min
    if case .integer(let key)? = resumedAfter[source] { first = key }
    for key in tables[source].keys(after: first, through: last) {
      guard let row = tables[source].rows[key], row.vector == nil, let text = row.text,
        TextPreparation().input(for: text) != nil, present[source].contains(key),
        ledger.quarantine[source][.integer(key)]?.digest != row.textDigest, !isSpooled(.integer(key), of: source)
      else { continue }
      violations.append("the watermark of table \(source) is at \(last), and row \(key) is not settled")
    }
  }

  private func isSpooled(_ key: RowKey, of source: Int) -> Bool {
    ledger.spool.values.contains { $0.source == source && $0.rows.contains { $0.key == key } }
  }

  /// Between two runs the ledger's file may be lost, or an old copy of it may be put back.
  mutating func disturbLedger() {
    guard faults.ledgerLoss > 0 else { return }
    if runs > 1, ledgerFate.chance(faults.ledgerLoss) {
      if ledgerFate.chance(faults.lostShare) {
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
