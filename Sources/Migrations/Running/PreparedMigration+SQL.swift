extension PreparedMigration {
  /// What would run, as a script for a person; what is there already stands in comments, and so does all of it where it is
  /// `waiting` for a load.
  ///
  /// - Parameters:
  ///   - waiting: why it waits; nil where it doesn't.
  ///   - builder: the command that runs it after the load.
  package func sql(waiting: String?, builder: String) -> String {
    guard let waiting, steps.contains(where: \.runs) else { return sql }
    let title =
      "-- \(migration) \(direction.rawValue): run this after the load, or leave it to `\(builder)`: \(waiting)"
    let script = sql.split(separator: "\n").dropFirst().map { $0.hasPrefix("--") ? "\($0)" : "-- \($0)" }
    return ([title] + script).joined(separator: "\n")
  }

  private var sql: String {
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
