/// Finds in migrations what is unsafe on a live system.
package enum Linter {
  /// What is found in the set's scripts, in the order of the files. SQLite's are only checked for a way back.
  package static func findings(in set: MigrationSet, _ dialect: Dialect) -> [LintFinding] {
    set.migrations.flatMap { migration -> [LintFinding] in
      var findings = lint(migration.up, .up, dialect)
      if let down = migration.down {
        findings += lint(down, .down, dialect)
      } else {
        findings.append(
          LintFinding(
            file: migration.up.file, line: 1, reason: "there is no way back",
            instead: "write the down.sql, if only one that says why there is none"))
      }
      return findings
    }
  }

  private static func lint(_ script: MigrationScript, _ direction: Direction, _ dialect: Dialect) -> [LintFinding] {
    guard dialect == .postgres else { return [] }
    var newTables: Set<String> = []
    return script.statements.flatMap { statement in
      let context = LintContext(statement: statement, direction: direction, script: script, newTables: newTables)
      if statement.begins("create", "table"),
        let name = statement.tokens.dropFirst(2).last(where: { token in
          token.identifier != nil
            && token.range.upperBound <= statement.tokens.first(where: { $0.isSymbol("(") })?.range.lowerBound ?? .max
        })?.identifier
      {
        newTables.insert(name)
      }
      return LintRule.all.filter { $0.applies(context) }.map {
        LintFinding(file: script.file, line: statement.line, reason: $0.reason, instead: $0.instead)
      }
    }
  }
}
