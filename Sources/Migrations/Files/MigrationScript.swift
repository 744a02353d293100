import Backfill

/// One direction of a migration: its statements and what its file declares of them.
package struct MigrationScript: Hashable, Sendable {
  /// The file's name, for people.
  package let file: String
  package let statements: [SQLStatement]
  package let directives: Directives

  /// What a file declares in lines of the form `-- vecfill: DIRECTIVE`.
  package struct Directives: Hashable, Sendable {
    /// `no-transaction`: its one statement can't run in a transaction.
    package var isTransactional = true
    /// `optional-tables`: a change to a table that doesn't exist is left for later.
    package var hasOptionalTables = false
    /// `after-load TABLE.COLUMN [from TEXT]`: it waits until the column is filled.
    package var load: LoadedColumn?
  }

  /// A column that a job fills.
  package struct LoadedColumn: Hashable, Sendable {
    package let table: SQLName
    package let column: String
    /// The text: rows with a blank one never get a vector. nil where it isn't told.
    package var text: SourceText?
    /// Which rows are filled, as the job says; nil for all.
    package var condition: String?
    /// The view by which the rows are filled; nil where it is the table itself.
    package var view: SQLName?

    package init(
      table: SQLName, column: String, text: SourceText? = nil, condition: String? = nil, view: SQLName? = nil
    ) {
      self.table = table
      self.column = column
      self.text = text
      self.condition = condition
      self.view = view
    }

    /// The same without a condition.
    var ofAllRows: LoadedColumn {
      var column = self
      column.condition = nil
      return column
    }
  }

  /// `load` is what it waits for beside what it declares itself.
  ///
  /// Throws a `Failure` that names the file and the line for SQL that can't be cut into statements, an unknown
  /// directive, or a script that is declared non-transactional and holds more than one statement.
  package init(
    _ text: String, file: String, dialect: Dialect, waitingFor load: LoadedColumn? = nil
  ) throws(Failure) {
    self.file = file
    var directives = try Self.directives(of: text, file: file)
    if let load { directives.load = load }
    self.directives = directives
    statements = try SQLStatement.split(text, dialect, in: file)
    guard directives.isTransactional || statements.count == 1 else {
      throw Failure(
        .configuration, file, "it is declared no-transaction and holds \(statements.count) statements",
        remedy: "give each its own migration, so that a crash between them leaves nothing half done")
    }
    if let control = statements.first(where: \.isTransactionControl) {
      throw Failure(
        .configuration, "\(file):\(control.line)", "a migration holds no \(control.tokens[0].text.uppercased())",
        remedy: "vecfill runs it in a transaction of its own; `-- vecfill: no-transaction` declares the exception")
    }
  }

  private static func directives(of text: String, file: String) throws(Failure) -> Directives {
    var directives = Directives()
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      guard let match = line.wholeMatch(of: #/\s*--\s*vecfill:\s*(\S*)\s*(.*?)\s*/#) else { continue }
      let subject = match.2.wholeMatch(of: #/(\S+)\s+from\s+(\S+)/#)
      let parts = (subject?.1 ?? match.2).split(separator: ".").map(String.init)
      switch (match.1, parts.count) {
      case ("no-transaction", 0):
        directives.isTransactional = false
      case ("optional-tables", 0):
        directives.hasOptionalTables = true
      case ("after-load", 2...3):
        let table = SQLName(schema: parts.count == 3 ? parts[0] : nil, parts[parts.count - 2])
        directives.load = LoadedColumn(
          table: table, column: parts[parts.count - 1], text: subject.map { .column(String($0.2)) })
      default:
        throw Failure(
          .configuration, "\(file):\(index + 1)", "there is no directive \(match.1) \(match.2)",
          remedy: "known are no-transaction, optional-tables and after-load TABLE.COLUMN [from TEXT]")
      }
    }
    return directives
  }

  /// What a checksum is made of: two scripts that do the same have the same, however they are laid out and commented.
  package var normalized: String {
    let load = directives.load.map { "after-load \($0.table).\($0.column)" } ?? ""
    return "\(directives.isTransactional) \(directives.hasOptionalTables) \(load)\n"
      + statements.map(\.normalized).joined(separator: ";\n")
  }
}

extension SQLStatement {
  fileprivate var isTransactionControl: Bool {
    ["begin", "commit", "rollback", "savepoint", "end", "abort"].contains { tokens.first?.isWord($0) == true }
      || begins("start", "transaction")
  }
}
