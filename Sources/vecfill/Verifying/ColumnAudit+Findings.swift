import Backfill
import Ledger

/// What it means that a column holds this.
extension ColumnAudit {
  /// - Parameters:
  ///   - about: the table and the column.
  ///   - key: the key's columns, as a person writes them.
  ///   - vector: the vector column's name.
  func findings(about: String, vector: String) -> [VerifyFinding] {
    let clear = "UPDATE … SET \(vector) = NULL for these rows, then `vecfill run JOB`"
    func failed(
      _ check: String, _ examples: RowExamples, _ what: String, orElse fine: String, next: String? = nil
    ) -> VerifyFinding {
      guard examples.count > 0 else { return VerifyFinding(about, .ok(check, fine), rows: 0) }
      return VerifyFinding(about, .failed(check, .badData, what, next: next ?? clear), examples)
    }
    var findings = [
      VerifyFinding(
        about,
        .ok(
          "rows",
          "\(rows.grouped), of which \(vectors.grouped) with a vector, \((missing.count + blank).grouped) without"),
        rows: rows),
      missingFinding(about),
    ]
    guard vectors > 0 else { return findings }
    findings += [
      failed(
        "no vector", broken, "\(broken.count.inRows) a value that is no vector or can't be read",
        orElse: "each value is a vector that can be read"),
      failed(
        "dimensions", misfits,
        "\(misfits.count.inRows) a vector of \(shownDimensions) dimensions, the job's have \(dimensions)",
        orElse: "each vector has \(dimensions.grouped), as the job's"),
      failed(
        "not finite", notFinite, "\(notFinite.count.inRows) a vector with a value that is infinite or no number",
        orElse: "no vector has a value that is infinite or no number"),
      failed(
        "zero", zero, "\(zero.count.inRows) a vector of zeros, which no search by cosine distance finds",
        orElse: "no vector is all zeros"),
      lengthFinding(about, clear),
    ]
    if keepsDigests {
      findings.append(
        failed(
          "stale", stale, "\(stale.count.inRows) a vector of an earlier text",
          orElse: "no vector is older than its text",
          next:
            "`vecfill run JOB` makes them anew; where it leaves some, `vecfill quarantine list` shows those that were "
            + "refused, and for others \(clear)"))
    }
    return findings
  }

  private func missingFinding(_ about: String) -> VerifyFinding {
    let others = blank > 0 ? "; \(blank.of("blank row")) \(blank == 1 ? "needs" : "need") none" : ""
    guard missing.count > 0 else {
      return VerifyFinding(about, .ok("missing", "no row with a text lacks a vector\(others)"), rows: 0)
    }
    return VerifyFinding(
      about,
      .warning(
        "missing", "\(missing.count.inRows) no vector\(others)",
        next: missing.count == 1
          ? "`vecfill run JOB` fills it, or puts it into quarantine (`vecfill quarantine list`)"
          : "`vecfill run JOB` fills them, and `vecfill quarantine list` shows those that it leaves"),
      missing)
  }

  private var shownDimensions: String {
    otherDimensions.keys.sorted().map { $0.grouped }.joined(separator: " or ")
  }

  private func lengthFinding(_ about: String, _ clear: String) -> VerifyFinding {
    let odd = lengths.notNormalised
    let figures = "mean length \(lengths.mean.fixed(4)), from \(lengths.least.fixed(4)) to \(lengths.greatest.fixed(4))"
    guard lengths.count > 0 else { return VerifyFinding(about, .skipped("length", "no vector has one")) }
    if odd.count == 0 { return VerifyFinding(about, .ok("length", "normalised: \(figures)"), rows: 0) }
    if odd.count == lengths.count {
      return VerifyFinding(
        about,
        .warning(
          "length", "not normalised: \(figures)",
          next: "search by cosine distance (<=>); inner products would mislead"), odd)
    }
    return VerifyFinding(
      about,
      .failed(
        "length", .badData,
        "\(odd.count.inRows) a vector that is not normalised, as the others are: \(figures); they may be of another origin",
        next: clear), odd)
  }
}

extension RepeatedVectors.Summary {
  /// Two texts may be the same to a model that doesn't tell letters' case or accents apart; three are suspect.
  func finding(about: String, vector: String) -> VerifyFinding {
    guard vectors > 0 else {
      return VerifyFinding(about, .ok("repeated", "no vector stands for different texts"), rows: 0)
    }
    let found =
      "\(vectors.grouped) vector\(vectors == 1 ? " stands" : "s stand") for different texts, in \(rows.of("row"))"
    let next = "look at these rows; where they are wrong, set \(vector) to NULL in all of them and run the job"
    let finding: Finding =
      mostTexts > 2
      ? .failed("repeated", .badData, found, next: next)
      : .warning("repeated", "\(found), two texts each", next: next)
    return VerifyFinding(about, finding, rows: rows, keys: keys)
  }
}

extension Int {
  /// "1 row holds", "12 rows hold".
  var inRows: String { self == 1 ? "1 row has" : "\(grouped) rows have" }
}
