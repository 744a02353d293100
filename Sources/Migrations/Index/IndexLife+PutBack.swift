import Backfill
import PgVector
import Postgres

extension IndexLife {
  /// Rebuilds each and deletes its record; returns the names of the rebuilt ones, without their parts.
  ///
  /// A definition that isn't of a vector index of its very table, or of one of its partitions, is reported and left: nothing
  /// else is ever run.
  func putBack(_ intents: [IndexIntent]) async throws -> [String] {
    var names: [String] = []
    var recorded: [RecordedIndex] = []
    for intent in intents {
      guard let index = RecordedIndex(intent), try await isOfTable(index) else {
        narrator.warn(
          "\(intent.place): the definition of \(intent.name) is not that of a vector index of \(intent.table): left out; "
            + "build the index by hand and delete the row")
        continue
      }
      recorded.append(index)
    }
    // A partitioned index before its parts, which are attached to it.
    for index in recorded where index.isWhole { try await make(index) }
    for index in recorded where !index.isWhole {
      try await putBack(index)
      if index.whole == nil { names.append(index.intent.name) }
    }
    for index in recorded where index.isWhole {
      if let whole = index.whole { try await attach(index.name, to: whole) }
    }
    for index in recorded where index.isWhole {
      try await complete(index)
      if index.whole == nil { names.append(index.intent.name) }
    }
    return names
  }

  private func putBack(_ recorded: RecordedIndex) async throws {
    let intent = recorded.intent
    narrator.tell("\(intent.name): building")
    narrator.show("\(intent.name): building")
    let started = ContinuousClock.now
    try await pair.worker.query("SELECT set_config('default_tablespace', $1, false)", [.text(intent.tablespace)])
    try await build(of: intent.name).run(recorded.index)
    if let whole = recorded.whole { try await attach(recorded.name, to: whole) }
    try await comment(on: recorded)
    try await pair.worker.run { try IndexIntents.forget(intent, on: $0) }
    narrator.tell("\(intent.name): built in \(started.duration(to: .now).clock)")
  }

  private func comment(on recorded: RecordedIndex) async throws {
    guard let comment = recorded.intent.comment else { return }
    let literal = comment.replacing("\\", with: "\\\\").replacing("'", with: "''")
    try await pair.worker.query("COMMENT ON INDEX \(recorded.name.quoted) IS E'\(literal)'")
  }

  /// Whether the index is on the table that it is recorded for, or on a partition of it.
  private func isOfTable(_ recorded: RecordedIndex) async throws -> Bool {
    guard recorded.index.table != SQLName(parsing: recorded.intent.table) else { return true }
    return try await !pair.watcher.query(
      "SELECT FROM pg_partition_tree(to_regclass($1)) WHERE relid = to_regclass($2)",
      [.text(recorded.intent.table), .text(recorded.index.table.quoted)]
    ).isEmpty
  }
}

/// Partitioned indexes. They have nothing in them: that of the table is valid once each partition has its part.
extension IndexLife {
  /// Makes the index of a partitioned table alone, where it isn't there yet.
  private func make(_ recorded: RecordedIndex) async throws {
    guard try await validity(of: recorded.name) == nil else { return }
    try await pair.worker.query(
      "SELECT set_config('default_tablespace', $1, false)", [.text(recorded.intent.tablespace)])
    let statement =
      "CREATE INDEX \(recorded.index.name.name.quotedIdentifier) ON ONLY \(recorded.index.table.quoted) "
      + recorded.index.body
    try await pair.withPgVectorOnPath { try await briefly(recorded.intent.name) { try $0.execute(statement) } }
  }

  private func attach(_ part: SQLName, to whole: SQLName) async throws {
    let isAttached = try await !pair.watcher.query(
      "SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1) AND inhparent = to_regclass($2)",
      [.text(part.quoted), .text(whole.quoted)]
    ).isEmpty
    guard !isAttached else { return }
    try await briefly(part.name) {
      try $0.execute("ALTER INDEX \(whole.quoted) ATTACH PARTITION \(part.quoted)")
    }
  }

  /// Builds the parts of partitions that came during the load, and forgets the index once it is valid.
  private func complete(_ recorded: RecordedIndex) async throws {
    let intent = recorded.intent
    for (table, whole) in try await missingParts(of: recorded) {
      let words = "\(table.name) \(intent.name)"
      let name = "\(IndexName.plain(words).prefix(50))_\(IndexName.digest(of: words))"
      narrator.tell("\(name): building, for the partition \(table) that came during the load")
      let part = SchemaChange.IndexDefinition(
        name: SQLName(name), table: table, isUnique: false, isConcurrent: true, body: recorded.index.body)
      try await build(of: name).run(part)
      try await attach(SQLName(schema: table.schema, name), to: whole)
    }
    guard try await validity(of: recorded.name) == true else {
      narrator.warn("\(intent.name): it is there and not valid, since a partition of \(intent.table) lacks its part")
      return
    }
    try await comment(on: recorded)
    try await pair.worker.run { try IndexIntents.forget(intent, on: $0) }
    narrator.tell("\(intent.name): built")
  }

  /// The partitions without a part of the index, each with the partitioned index that its part belongs to.
  private func missingParts(of recorded: RecordedIndex) async throws -> [(table: SQLName, whole: SQLName)] {
    try await pair.watcher.query(
      """
      WITH parts AS (
        SELECT t.relid AS id, i.indrelid AS of FROM pg_partition_tree(to_regclass($2)) t
        JOIN pg_index i ON i.indexrelid = t.relid
      )
      SELECT n.nspname AS schema, c.relname AS name, w.nspname AS whole_schema, x.relname AS whole
      FROM pg_partition_tree(to_regclass($1)) p
      JOIN pg_class c ON c.oid = p.relid AND c.relkind = 'r' JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN parts a ON a.of = p.parentrelid JOIN pg_class x ON x.oid = a.id JOIN pg_namespace w ON w.oid = x.relnamespace
      WHERE p.isleaf AND NOT EXISTS (SELECT FROM parts o WHERE o.of = p.relid) ORDER BY 1, 2
      """, [.text(recorded.index.table.quoted), .text(recorded.name.quoted)]
    ).map { row in
      (
        SQLName(schema: row["schema"], row["name"] ?? ""), SQLName(schema: row["whole_schema"], row["whole"] ?? "")
      )
    }
  }

  private func validity(of name: SQLName) async throws -> Bool? {
    try await pair.watcher.query(
      "SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1)", [.text(name.quoted)]
    ).first?.isTrue("valid")
  }
}
