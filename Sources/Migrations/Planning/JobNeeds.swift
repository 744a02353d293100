import Backfill
import Postgres

/// What a job's tables need, as migrations, on any table.
package struct JobNeeds: Sendable {
  private let database: any MigrationDatabase
  private let set: MigrationSet
  private let dimensions: Int

  package init(dimensions: Int, _ database: any MigrationDatabase, _ set: MigrationSet) {
    self.dimensions = dimensions
    self.database = database
    self.set = set
  }

  /// What is missing, and what a person should know of the rest.
  package struct Result: Sendable {
    package var drafts: [MigrationDraft] = []
    package var notes: [String] = []
  }

  /// Compares with the live schema; what a migration of the set makes already is not made again.
  ///
  /// Throws a `Failure` with `.configuration` for a table that doesn't exist or a column of another type.
  package func missing(for sources: [Source]) async throws -> Result {
    var result = Result()
    if database.dialect == .postgres {
      let name = "vector_extension"
      try await add(
        draft(name, up: "CREATE EXTENSION vector;", down: "DROP EXTENSION vector;"), to: &result)
    }
    for source in sources { try await addNeeds(of: source, to: &result) }
    return result
  }

  private func addNeeds(of source: Source, to result: inout Result) async throws {
    let table = SQLName(schema: source.schema, source.table)
    let vector = source.vector.quotedIdentifier
    let stem = MigrationDraft.fileName("\(source.table) \(source.vector)")
    let isHalf = try await isHalfVector(source)
    let type = isHalf ? "halfvec" : "vector"
    try await add(
      draft(
        stem, up: "ALTER TABLE \(table.quoted) ADD COLUMN \(vector) \(type)(\(dimensions));",
        down: "ALTER TABLE \(table.quoted) DROP COLUMN \(vector);"), to: &result)

    let load = try await database.load(of: MigrationScript.LoadedColumn(table: table, column: source.vector))
    let concurrently = database.dialect == .postgres ? " CONCURRENTLY" : ""
    let alone = database.dialect == .postgres ? "-- vecfill: no-transaction\n" : ""
    // The directive's parts are separated by dots: a name with a dot in it waits for nothing.
    let name = "\(table).\(source.vector)"
    let isPlain = name.split(separator: ".").count == (source.schema == nil ? 2 : 3)
    let afterLoad = isPlain ? "-- vecfill: after-load \(name)\n" : ""
    // An index is made without its schema, which is its table's, and dropped with it.
    let paging = SQLName(schema: source.schema, "idx_\(String(stem.prefix(46)))_missing")
    let makePaging =
      "CREATE INDEX\(concurrently) \(paging.name.quotedIdentifier) ON \(table.quoted) (\(source.key.quotedIdentifier)) WHERE \(vector) IS NULL;"
    let dropPaging = "DROP INDEX\(concurrently) \(paging.quoted);"
    let needsPaging = load.map { !$0.isDone } ?? true
    if needsPaging {
      try await add(draft("\(stem)_missing", up: alone + makePaging, down: alone + dropPaging), to: &result)
    }
    if database.dialect == .postgres {
      try await addVectorIndex(of: source, stem: stem, isHalf: isHalf, directives: alone + afterLoad, to: &result)
    }
    if needsPaging, result.drafts.contains(where: { $0.name == "\(stem)_missing" }) {
      result.drafts.append(draft("\(stem)_filled", up: alone + afterLoad + dropPaging, down: alone + makePaging))
    }
  }

  private func addVectorIndex(
    of source: Source, stem: String, isHalf: Bool, directives: String, to result: inout Result
  ) async throws {
    guard let index = VectorIndex.definition(for: source, dimensions: dimensions, isHalf: isHalf) else {
      result.notes.append("\(source.name).\(source.vector): no HNSW index holds \(dimensions) dimensions")
      return
    }
    try await add(
      draft(
        "\(stem)_hnsw",
        up: directives + "CREATE INDEX CONCURRENTLY \(index.name.quoted) ON \(index.table.quoted) \(index.body);",
        down: "-- vecfill: no-transaction\nDROP INDEX CONCURRENTLY "
          + "\(SQLName(schema: source.schema, index.name.name).quoted);"), to: &result)
  }

  private func draft(_ name: String, up: String, down: String) -> MigrationDraft {
    MigrationDraft(name: name, dialect: database.dialect, up: up + "\n", down: down + "\n")
  }

  private func isHalfVector(_ source: Source) async throws -> Bool {
    guard database.dialect == .postgres else { return false }
    let column = SchemaChange.ColumnDefinition(
      table: SQLName(schema: source.schema, source.table), column: source.vector, definition: "halfvec(\(dimensions))")
    if case .present = try await database.presence(of: .addColumn(column)) {
      return try await database.presence(of: .addColumn(column.retyped("vector(\(dimensions))"))) != .present()
    }
    return false
  }

  /// Adds `draft` unless its change is there already or a migration of the set makes it.
  private func add(_ draft: MigrationDraft, to result: inout Result) async throws {
    let script = try MigrationScript(draft.up, file: draft.name, dialect: database.dialect)
    guard let change = script.statements.first.flatMap(SchemaChange.init) else { return }
    let known = set.migrations.first { migration in
      migration.up.statements.compactMap(SchemaChange.init).contains { $0.makesSame(as: change) }
    }
    switch try await database.presence(of: change) {
    case .present:
      return
    case .noTable:
      throw Failure(
        .configuration, change.table?.description ?? draft.name, "there is no such table",
        remedy: "the application makes its tables; check the job's names and DATABASE_URL")
    case .different(let description):
      if case .createIndex = change {
        result.notes.append("\(change.object): \(description)")
      } else {
        throw Failure(.configuration, "\(change.object)", description, remedy: "correct the job's dimensions or column")
      }
    case .absent, .invalid:
      if let known {
        result.notes.append("\(change.object) is made by \(known): run `vecfill migrate up`")
      } else {
        result.drafts.append(draft)
      }
    }
  }
}

extension SchemaChange.ColumnDefinition {
  fileprivate func retyped(_ type: String) -> Self {
    var column = self
    column.definition = type
    return column
  }
}

extension SchemaChange {
  /// Whether both make the same thing; an index goes by its table and definition.
  fileprivate func makesSame(as other: SchemaChange) -> Bool {
    switch (self, other) {
    case (.createIndex(let one), .createIndex(let two)):
      one.table == two.table && one.isUnique == two.isUnique && one.bodyWords == two.bodyWords
    case (.addColumn, .addColumn), (.createExtension, .createExtension):
      object == other.object
    default:
      false
    }
  }
}

extension SchemaChange.IndexDefinition {
  /// The definition with each name as it is meant, so that quotes make no difference.
  fileprivate var bodyWords: [String] { SQLLexer.leadingTokens(of: body, .postgres).map { $0.identifier ?? $0.text } }
}
