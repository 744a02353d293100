import Backfill
import MessageStores

/// What it means for a job to find a table so. Each check stands by itself: one that failed hides no other.
extension TableSurvey {
  /// - Parameter role: who asks; nil on SQLite, which has no roles.
  func findings(of source: Source, in job: Job, role: String?) -> [Finding] {
    switch kind {
    case .missing:
      return [
        .failed(
          "table", .configuration, "there is no such table",
          next: "check its name, its schema and the search path, and DATABASE_URL")
      ]
    case .other:
      return [
        .failed(
          "table", .configuration, "it is a view or a foreign table",
          next: "name the table itself, or the table that the view shows in write_to")
      ]
    case .table, .partitioned:
      break
    }
    var findings = [
      Finding.ok(
        "table",
        (kind == .partitioned ? "partitioned" : "there") + (rows.map { ", about \($0.grouped) rows" } ?? "")
          + (source.view.map { ", read by the view \($0)" } ?? ""))
    ]
    findings.append(keyRefusal.map { .failed("key", $0) } ?? .ok("key", key ?? ""))
    findings.append(textFinding(source))
    findings.append(vectorFinding(source))
    if let role { findings.append(rightsFinding(source, role)) }
    if let rowSecurity = rowSecurityFinding(role ?? "") { findings.append(rowSecurity) }
    findings.append(
      source.chunks == nil
        ? missingRowsFinding
        : .ok("missing rows", "rows that lack pieces of their text are found by reading all texts"))
    if role != nil { findings += vectorIndexFindings(source, job) }
    findings += editWarnings.map { warning("edits", $0, of: source.name) }
    findings.append(hooksFinding(source))
    if role != nil { findings.append(publicationFinding(source)) }
    if let refusal, !findings.contains(where: { $0.mark == .failed }) { findings.append(.failed("job", refusal)) }
    return findings
  }

  private func textFinding(_ source: Source) -> Finding {
    var types: [String] = []
    for name in source.text.columns ?? [] {
      guard let text = column(name) else {
        return .failed(
          "text", .configuration, "there is no column \(name)", next: "name the text column with text: in the job")
      }
      if let refusal, refusal.subject == "\(source.reading).\(name)", refusal.exitCode == .configuration {
        return .failed("text", refusal)
      }
      types.append("\(text.name), \(text.type)")
    }
    return switch source.text {
    case .column: .ok("text", types.joined())
    case .template: .ok("text", "\(source.text) of \(types.joined(separator: "; "))")
    case .sql: .ok("text", "\(source.text)")
    }
  }

  private func vectorFinding(_ source: Source) -> Finding {
    guard source.chunks == nil else {
      if let refusal, refusal.subject.hasPrefix(source.home.name) { return .failed("vector", refusal) }
      return .ok("vector", "\(source.column), a row for each piece of a text")
    }
    guard let vector = column(source.vector) else {
      return .failed(
        "vector", .configuration, "there is no column \(source.vector)",
        next: "`vecfill migrate up JOB` makes it, or name another with vector: in the job")
    }
    if let refusal, refusal.subject == "\(source.name).\(source.vector)", refusal.exitCode == .configuration {
      return .failed("vector", refusal)
    }
    if let vectorWarning { return warning("vector", vectorWarning, of: source.column) }
    let content = hasVectors.map { $0 ? ", has vectors" : ", still empty" } ?? ""
    return .ok("vector", "\(vector.name), \(vector.type)\(content)")
  }

  /// A run's own warning: what it is about, what was found, and what to do.
  private func warning(_ check: String, _ warning: String, of subject: String) -> Finding {
    let parts = warning.replacing("\(subject): ", with: "", maxReplacements: 1).split(separator: ": `", maxSplits: 1)
    return .warning(
      check, String(parts.first ?? ""),
      next: parts.count > 1 ? "`\(parts[1])" : "nothing, where the table is small or its texts are rarely read")
  }

  private func rightsFinding(_ source: Source, _ role: String) -> Finding {
    let unreadable = columns.filter { !$0.canRead }.map(\.name)
    let isUnwritable = column(source.vector)?.canWrite == false
    guard unreadable.isEmpty, !isUnwritable else {
      let lacks = [
        unreadable.isEmpty ? nil : "SELECT on \(unreadable.joined(separator: ", "))",
        isUnwritable ? "UPDATE on \(source.vector)" : nil,
      ].compactMap(\.self)
      let grants = [
        unreadable.isEmpty ? nil : "GRANT SELECT ON \(source.name) TO \(role)",
        isUnwritable ? "GRANT UPDATE (\(source.vector)) ON \(source.name) TO \(role)" : nil,
      ].compactMap(\.self)
      return .failed(
        "rights", .denied, "the role \(role) lacks the right to \(lacks.joined(separator: " and to "))",
        next: grants.joined(separator: "; "))
    }
    return .ok("rights", "\(role) may read what the job reads and write what it writes")
  }

  private func rowSecurityFinding(_ role: String) -> Finding? {
    guard hasRowSecurity == true else { return nil }
    guard hidesRows else { return .ok("row security", "on, and no policy holds for \(role)") }
    return .failed(
      "row security", .denied, "row-level security hides rows from the role \(role)",
      next: "connect as the table's owner or as a role with BYPASSRLS")
  }

  private var missingRowsFinding: Finding {
    if let missingRowsWarning {
      let parts = missingRowsWarning.split(separator: ": ", maxSplits: 1).map(String.init)
      return .warning("missing rows", parts[0], next: "`vecfill migrate up JOB`, or \(parts.last ?? "")")
    }
    return switch missingRowsIndex {
    case "texts": .ok("missing rows", "an index finds the rows without a vector, and leaves out blank ones")
    case .some: .ok("missing rows", "an index finds the rows without a vector")
    case nil: .ok("missing rows", "no index finds the rows without a vector; a small table needs none")
    }
  }

  private func vectorIndexFindings(_ source: Source, _ job: Job) -> [Finding] {
    let own = vectorIndexes.filter(\.isOnColumn)
    var findings = own.map { index in
      guard index.isValid else {
        return Finding.warning(
          "index", "\(index.name) is invalid: what built it did not end, and no search uses it",
          next: "DROP INDEX CONCURRENTLY \(index.name), then `vecfill migrate up JOB`")
      }
      guard index.operatorClass.contains("_cosine_ops") else {
        return .warning(
          "index", "\(index.name) has \(index.operatorClass): a search by cosine distance does not use it",
          next: "search with its operator, or make one with vector_cosine_ops")
      }
      return .ok("index", "\(index.name), \(index.method) with \(index.operatorClass)")
    }
    if !indexesAway.isEmpty {
      let names = indexesAway.joined(separator: ", ")
      findings.append(
        .warning("index", "\(names): dropped for a load and not back yet", next: "`vecfill migrate restore`, or a run"))
    }
    if findings.isEmpty {
      switch job.indexPolicy {
      case .after: findings.append(.ok("index", "none yet; index.when is \(job.indexPolicy)"))
      // A rebuild puts back what was there.
      case .keep, .rebuild:
        guard column(source.vector) != nil else { break }
        findings.append(
          .warning(
            "index", "none on \(source.vector): a search reads every row",
            next: adviceOnIndex))
      }
    }
    return findings
  }

  private func hooksFinding(_ source: Source) -> Finding {
    guard !hooks.isEmpty else { return .ok("triggers", "no trigger fires on an update") }
    return .warning(
      "triggers", "each write fires \(hooks)",
      next: "make sure that they may: set_updated_at and the like change the row, and a slow one slows the run")
  }

  private func publicationFinding(_ source: Source) -> Finding {
    if let publishingRefusal { return .failed("publication", publishingRefusal) }
    if !publicationsOfAllColumns.isEmpty, source.chunks == nil, column(source.vector) == nil {
      return .warning(
        "publication",
        "a new column goes to the subscribers of \(publicationsOfAllColumns.joined(separator: ", ")), and stops their "
          + "replication where their table lacks it",
        next: "add \(source.vector) to their tables before `vecfill migrate up JOB`")
    }
    guard !publications.isEmpty else { return .ok("publication", "no publication sends its updates") }
    return .ok(
      "publication",
      "each write goes to the subscribers of \(publications.joined(separator: ", ")); it has a replica identity")
  }
}
