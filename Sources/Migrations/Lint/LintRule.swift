/// One kind of statement that locks, rewrites or loses more than it seems to, on PostgreSQL.
struct LintRule: Sendable {
  let reason: String
  let instead: String
  let applies: @Sendable (LintContext) -> Bool

  init(_ reason: String, instead: String, _ applies: @escaping @Sendable (LintContext) -> Bool) {
    self.reason = reason
    self.instead = instead
    self.applies = applies
  }
}

/// What a rule looks at.
struct LintContext {
  let statement: SQLStatement
  let direction: Direction
  let script: MigrationScript
  /// The tables that the same script made before: nobody uses them yet.
  let newTables: Set<String>

  /// The words `words` follow each other somewhere in the statement.
  func has(_ words: String...) -> Bool {
    let tokens = statement.tokens
    return tokens.indices.contains { start in
      start + words.count <= tokens.count && zip(tokens[start...], words).allSatisfy { $0.isWord($1) }
    }
  }

  var isAlterTable: Bool { statement.begins("alter", "table") }
  var isConcurrent: Bool { statement.contains(word: "concurrently") }
  var isOnNewTable: Bool { statement.tokens.contains { $0.identifier.map(newTables.contains) ?? false } }
}

extension LintRule {
  static let all: [LintRule] = [
    LintRule(
      "CREATE INDEX keeps every writer of the table waiting until it is built",
      instead: "write CREATE INDEX CONCURRENTLY alone in a migration with `-- vecfill: no-transaction`"
    ) {
      ($0.statement.begins("create", "index") || $0.statement.begins("create", "unique", "index")) && !$0.isConcurrent
        && !$0.isOnNewTable
    },
    LintRule(
      "DROP INDEX locks the table against readers and writers",
      instead: "write DROP INDEX CONCURRENTLY alone in a migration with `-- vecfill: no-transaction`"
    ) { $0.statement.begins("drop", "index") && !$0.isConcurrent },
    LintRule(
      "REINDEX locks the table's writers out", instead: "write REINDEX … CONCURRENTLY with `-- vecfill: no-transaction`"
    ) { $0.statement.begins("reindex") && !$0.isConcurrent },
    LintRule(
      "REFRESH MATERIALIZED VIEW locks its readers out", instead: "write REFRESH MATERIALIZED VIEW CONCURRENTLY"
    ) { $0.statement.begins("refresh") && !$0.isConcurrent },
    LintRule(
      "a concurrent statement can't run in a transaction", instead: "declare `-- vecfill: no-transaction`"
    ) { $0.isConcurrent && !$0.statement.begins("refresh") && $0.script.directives.isTransactional },
    LintRule(
      "IF NOT EXISTS takes an invalid index for a good one", instead: "leave it out: vecfill looks itself"
    ) { $0.statement.begins("create") && $0.has("index") && $0.has("if", "not", "exists") },
    LintRule(
      "an HNSW index that is there during the load makes each write many times slower",
      instead: "declare `-- vecfill: after-load TABLE.COLUMN`"
    ) { $0.direction == .up && $0.statement.begins("create") && $0.has("hnsw") && $0.script.directives.load == nil },
    LintRule(
      "a NOT NULL column without a default fails on a table that has rows",
      instead: "give it a constant DEFAULT, or add it nullable, fill it, and SET NOT NULL later"
    ) {
      $0.isAlterTable && $0.has("add") && $0.has("not", "null") && !$0.has("default") && !$0.has("check")
        && !$0.has("set", "not", "null")
    },
    LintRule(
      "a default that differs from row to row rewrites the table under an exclusive lock",
      instead: "add the column without it, SET DEFAULT, and fill old rows in batches"
    ) { context in
      context.isAlterTable && context.has("add") && !context.isOnNewTable
        && [
          "random", "gen_random_uuid", "uuid_generate_v4", "clock_timestamp", "timeofday", "nextval", "serial",
          "bigserial",
        ]
        .contains { context.has($0) }
    },
    LintRule(
      "a changed type rewrites the table under an exclusive lock",
      instead: "add a column of the new type, fill it in batches, and switch over"
    ) { $0.isAlterTable && $0.has("alter") && $0.has("type") && !$0.isOnNewTable },
    LintRule(
      "SET NOT NULL reads the whole table under an exclusive lock",
      instead: "add CHECK (column IS NOT NULL) NOT VALID, VALIDATE it in a later migration, then SET NOT NULL"
    ) { $0.isAlterTable && $0.has("set", "not", "null") && !$0.isOnNewTable },
    LintRule(
      "a foreign key or check reads the whole table under a lock that stops writers",
      instead: "add it NOT VALID, and VALIDATE CONSTRAINT in a later migration"
    ) { context in
      context.isAlterTable && context.has("add") && !context.has("not", "valid") && !context.isOnNewTable
        && (context.has("foreign", "key") || context.has("check") || context.has("references"))
    },
    LintRule(
      "a unique or primary key builds its index under an exclusive lock",
      instead: "CREATE UNIQUE INDEX CONCURRENTLY first, then ADD CONSTRAINT … USING INDEX"
    ) { context in
      context.isAlterTable && context.has("add") && !context.has("using", "index") && !context.isOnNewTable
        && (context.has("unique") || context.has("primary", "key"))
    },
    LintRule(
      "a rename breaks every running copy of the application at once",
      instead: "add the new name beside the old, move the application over, then drop the old"
    ) { $0.isAlterTable && $0.has("rename") },
    LintRule(
      "what is dropped on the way up is lost, and a running copy of the application may still use it",
      instead: "do it in a later release, when nothing reads it"
    ) {
      $0.direction == .up && ($0.statement.begins("drop", "table") || ($0.isAlterTable && $0.has("drop", "column")))
    },
    LintRule("TRUNCATE loses all rows under an exclusive lock", instead: "delete what has to go in batches") {
      $0.statement.begins("truncate")
    },
    LintRule(
      "without WHERE it locks and rewrites every row in one transaction",
      instead: "do it in batches outside of a migration"
    ) { ($0.statement.begins("update") || $0.statement.begins("delete")) && !$0.has("where") },
    LintRule("CASCADE drops what it doesn't name", instead: "name each object that has to go") {
      $0.statement.begins("drop") && $0.has("cascade") || $0.isAlterTable && $0.has("drop") && $0.has("cascade")
    },
    LintRule(
      "it locks whole tables for its own time",
      instead: "leave locks to the statements, and housekeeping to its own tools"
    ) {
      $0.statement.begins("lock") || $0.statement.begins("vacuum", "full") || $0.statement.begins("cluster")
    },
    LintRule("vecfill sets it itself for each attempt", instead: "leave it out") { context in
      context.statement.begins("set")
        && ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"].contains { context.has($0) }
    },
  ]
}
