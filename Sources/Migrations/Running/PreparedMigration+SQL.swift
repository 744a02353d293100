extension PreparedMigration {
  /// What would run, as a script for a person; what is there already stands in comments.
  package var sql: String {
    var lines = ["-- \(migration) \(direction.rawValue)"]
    let isTransactional = script.directives.isTransactional && steps.contains(where: \.runs)
    if isTransactional { lines.append("BEGIN;") }
    for step in steps {
      if let note = step.note { lines.append("-- \(note)") }
      if step.runs { lines.append("\(step.statement.text);") }
    }
    if isTransactional { lines.append("COMMIT;") }
    return lines.joined(separator: "\n")
  }
}
