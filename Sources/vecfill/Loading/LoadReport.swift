import Backfill

/// What `vecfill load` prints at its end.
struct LoadReport {
  let loaded: JobRun.Loaded
  let folder: String

  var text: String {
    let tally = loaded.tally
    var lines = [
      "loaded \(tally.written.of("row")) from \(tally.lines.of("line")) in \(tally.files.of("file")) of \(folder)"
    ]
    if tally.present > 0 { lines.append("there already: \(tally.present.of("row"))") }
    if tally.requests > 0 { lines.append("lines of the export itself, left out: \(tally.requests.grouped)") }
    if tally.stale.count > 0 {
      lines.append(
        "stale, not written: \(tally.stale.count.grouped) (the row was edited, is gone, or the job doesn't take it): "
          + places(tally.stale))
    }
    for (reason, named) in tally.kinds {
      lines.append("refused: \(named.count.grouped) (\(reason)): \(places(named))")
    }
    if tally.locked.count > 0 {
      lines.append("held by other transactions, not written: \(tally.locked.count.grouped): \(places(tally.locked))")
    }
    lines += lengths
    if !loaded.indexes.built.isEmpty { lines.append("built the index \(loaded.indexes.built.joined(separator: ", "))") }
    if loaded.remaining > 0 {
      let included = loaded.countsBlank ? "blank and quarantined ones included" : "blank ones left out"
      lines.append("rows without a vector: \(loaded.remaining.grouped), \(included)")
    }
    return lines.joined(separator: "\n")
  }

  private var lengths: [String] {
    let tally = loaded.tally
    guard tally.other > 0 else { return [] }
    guard tally.unit > 0 else {
      return ["none of the vectors has length 1: right only for a model that doesn't normalise"]
    }
    return [
      "\(tally.other.of("vector")) have another length than 1, and \(tally.unit.grouped) have length 1: "
        + "they may be of two models; `vecfill verify` looks closer"
    ]
  }

  private func places(_ named: LoadTally.Named) -> String {
    named.first.map(\.description).joined(separator: ", ") + (named.count > named.first.count ? ", …" : "")
  }
}
