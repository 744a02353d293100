import Backfill

extension ExportManifest {
  /// What the command prints at its end.
  func summary(_ folder: String) -> String {
    var lines = ["exported \(rows.exported.of("row")) in \(parts.of("part")) to \(folder)"]
    let left: [(String, Int)] = [
      ("blank", rows.blank), ("in quarantine", rows.quarantined), ("too long for the model", rows.tooLong),
      ("unreadable", rows.unreadable), ("paid already or in a provider's batch, `vecfill run` writes them", rows.paid),
    ]
    let told = left.filter { $0.1 > 0 }.map { "\($0.1.grouped) \($0.0)" }
    if !told.isEmpty { lines.append("left out: \(told.joined(separator: "; "))") }
    if rows.exported > 0 { lines.append("next: embed them (docs/export-load.md), then `vecfill load`") }
    return lines.joined(separator: "\n")
  }
}
