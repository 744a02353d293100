import Backfill
import Foundation
import GRDB
import PgVector
import Postgres

/// Finds a source in a SQLite file and refuses, by a `Failure`, what can't be paged or filled.
struct SQLiteInspection {
  private let source: Source
  private let access: StoreAccess
  private let database: Database

  /// The table that `source` names; without `dimensions`, any dimension will do.
  static func table(
    of source: Source, dimensions: Int?, for access: StoreAccess, in database: Database
  ) throws -> SQLiteTable {
    try SQLiteInspection(source: source, access: access, database: database).table(dimensions: dimensions)
  }

  /// A number that changes with the file's schema.
  static func schemaVersion(of database: Database) throws -> Int {
    try Int.fetchOne(database, sql: "PRAGMA schema_version") ?? 0
  }

  private func table(dimensions: Int?) throws -> SQLiteTable {
    guard source.chunks == nil else { throw source.noPieces }
    guard !source.keepsDigestsApart else { throw source.noDigestTable }
    guard source.newestBy == nil else {
      throw refusal("SQLite's rows come by their key alone", "write order: newest, or order: oldest")
    }
    try checkTable()
    let columns = try SQLiteColumn.all(of: source.table, in: database)
    let key = try SQLiteKeyInspection(source: source, database: database, columns: columns).key()
    if source.view == nil { try checkText(columns) }
    if isBeforeTheColumns, !columns.contains(where: isVector) { return try tableWithoutVectors(key, columns) }
    let vector = try column(
      source.vector, of: columns, missing: "`vecfill migrate up JOB` makes it; or correct vector: in the job")
    guard access != .preparing else {
      _ = try vectors(in: vector, key, of: dimensions)
      return try tableWithoutVectors(key, columns)
    }
    try checkRead(key, vector, columns)
    try checkCondition()
    let (format, found, warning) = try vectors(in: vector, key, of: dimensions)
    let edits = try edits(key, columns)
    let table = SQLiteTable(
      source: source, key: key, vectorFormat: format, declaredType: vector.type, dimensions: found ?? dimensions,
      missingIndex: try missingIndex(for: key), edits: edits, triggers: try triggers(),
      schemaVersion: try Self.schemaVersion(of: database), vectorWarning: warning,
      editWarnings: try edits?.warnings(of: source) ?? SQLiteEdits.warnings(ofClearing: source, in: database),
      warnings: warnings(of: key, columns))
    _ = try database.makeStatement(sql: table.page(in: SQLiteRange(of: key, after: nil, through: nil)))
    if access == .filling {
      // A trigger or an index may need a function that only the application or an extension has.
      _ = try database.makeStatement(sql: table.update("\(key.columns[0].name.quotedIdentifier) IS NULL"))
    }
    return table
  }

  /// Whether what a run needs may be yet to be made.
  private var isBeforeTheColumns: Bool { access == .estimating || access == .preparing }

  private func isVector(_ column: SQLiteColumn) -> Bool { column.name.folded == source.vector.folded }

  private func edits(_ key: SQLiteKey, _ columns: [SQLiteColumn]) throws -> SQLiteEdits? {
    guard source.edits == .digest else { return nil }
    // Before the column is made, each vector counts as current.
    guard let column = SQLiteEdits.column(of: source, among: columns) else {
      if isBeforeTheColumns { return nil }
      throw refusal(
        "there is no such column, and edits: digest needs it", "`vecfill migrate up JOB` makes it",
        column: source.sqliteDigestColumn)
    }
    return try SQLiteEdits(column, of: source, key: key, in: database)
  }

  private func tableWithoutVectors(_ key: SQLiteKey, _ columns: [SQLiteColumn]) throws -> SQLiteTable {
    try checkRead(key, nil, columns)
    try checkCondition()
    let table = SQLiteTable(
      source: source, key: key, vectorFormat: .json, declaredType: "VECTOR", dimensions: nil, missingIndex: nil,
      lacksColumn: true, triggers: [], schemaVersion: try Self.schemaVersion(of: database), warnings: [])
    _ = try database.makeStatement(sql: table.page(in: SQLiteRange(of: key, after: nil, through: nil)))
    return table
  }

  /// Checks the columns of what is read.
  private func checkRead(_ key: SQLiteKey, _ vector: SQLiteColumn?, _ columns: [SQLiteColumn]) throws {
    let read =
      try source.view.map { try SQLiteView($0, of: source, database: database).columns(key, vector) } ?? columns
    if source.view != nil { try checkText(read) }
    if let since = source.since {
      _ = try column(since.column, of: read, missing: "name a column with since: in the job", reading: true)
    }
  }

  private func refusal(
    _ reason: String, _ remedy: String, column: String? = nil, reading: Bool = false
  ) -> Failure {
    let owner = reading ? source.reading.description : source.name
    return Failure(.configuration, column.map { "\(owner).\($0)" } ?? owner, reason, remedy: remedy)
  }

  private func checkTable() throws {
    guard source.schema == nil || source.schema == "main" else {
      throw refusal("SQLite has no schemas", "leave the schema out of the job")
    }
    let found = try Row.fetchOne(
      database, sql: "SELECT type, sql FROM sqlite_master WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')",
      arguments: [source.table])
    guard let found else { throw refusal("there is no such table", "check its name and DATABASE_URL") }
    let definition = (found["sql"] as String?) ?? ""
    guard found["type"] == "table", !definition.uppercased().hasPrefix("CREATE VIRTUAL") else {
      throw source.noTable(but: "a view or a virtual table", isView: found["type"] == "view")
    }
    guard try String.fetchOne(database, sql: "PRAGMA encoding") == "UTF-8" else {
      throw refusal("the file's texts are UTF-16, whose digests could not be compared", "convert the file to UTF-8")
    }
  }

  private func column(
    _ name: String, of columns: [SQLiteColumn], missing remedy: String, reading: Bool = false
  ) throws -> SQLiteColumn {
    guard let found = columns.first(where: { $0.name.folded == name.folded }) else {
      throw refusal("there is no such column", remedy, column: name, reading: reading)
    }
    return found
  }

  private func checkText(_ columns: [SQLiteColumn]) throws {
    for name in source.text.columns ?? [] {
      let text = try column(
        name, of: columns, missing: "correct `text` in the job: it names the columns to read", reading: true)
      let type = text.type.uppercased()
      if case .column = source.text, ["INT", "REAL", "FLOA", "DOUB"].contains(where: type.contains) {
        throw refusal(
          "it holds \(text.type), not text", #"write text: "{\#(name)}" in the job, or name a text column"#,
          column: name, reading: true)
      }
    }
    guard case .sql(let expression) = source.text else { return }
    do {
      // In a condition, where an update needs it.
      _ = try database.makeStatement(
        sql: "SELECT 1 FROM \(source.reading.table.quotedIdentifier) WHERE (\n\(expression.namingColumns)\n) IS NULL")
    } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR {
      throw refusal(
        "SQLite refuses the SQL of its text: \(error.message ?? "it is no expression")",
        "correct text: {sql: ...} in the job; it is one expression over the columns of \(source.reading)")
    }
  }

  /// Asks whether the job's `where` can be asked of a row.
  private func checkCondition() throws {
    guard let place = source.conditionPlace, let condition = source.condition else { return }
    do {
      _ = try database.makeStatement(
        sql: "SELECT 1 FROM \(source.reading.table.quotedIdentifier) WHERE (\n\(condition.namingColumns)\n)")
    } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR {
      throw Failure(
        .configuration, place, "SQLite refuses this where of \(source.name): \(error.message ?? "it is no condition")",
        remedy: "correct it; it is one condition over the columns of \(source.reading)")
    }
  }

  /// How the column holds vectors, and their dimension, which `dimensions` must be where they are known.
  private func vectors(
    in column: SQLiteColumn, _ key: SQLiteKey, of dimensions: Int?
  ) throws -> (SQLiteVectorFormat, dimensions: Int?, warning: String?) {
    guard !column.isGenerated else { throw refusal("it is a generated column", "name another", column: source.vector) }
    let held = try vectors(in: column, key, preferring: dimensions)
    if let dimensions, let found = held.dimensions, found != dimensions {
      throw refusal(
        "it holds vectors of \(found) dimensions, the job's have \(dimensions)",
        "set dimensions: \(found) and the model that made them, or name a new column with vector: in the job and run `vecfill migrate up JOB`",
        column: source.vector)
    }
    return held
  }

  /// By the vectors that are there, else by the declared type.
  private func vectors(
    in column: SQLiteColumn, _ key: SQLiteKey, preferring dimensions: Int?
  ) throws -> (SQLiteVectorFormat, dimensions: Int?, warning: String?) {
    let declaration = SQLiteVectorDeclaration(type: column.type)
    if case .unsupported(let numbers) = declaration {
      throw refusal(
        "its type \(column.type) holds vectors of \(numbers), and vecfill writes 32-bit floats",
        "declare it F32_BLOB(n), or name another column", column: source.vector)
    }
    let sample = try SQLiteVectorSample(of: source, key: key, in: database)
    guard !sample.isEmpty else {
      if case .known(let format, let dimensions) = declaration { return (format, dimensions, nil) }
      throw refusal(
        "its type \(column.type.isEmpty ? "(none)" : column.type) leaves open how it holds a vector, and no row tells",
        "declare it VECTOR(n) for JSON text, or F32_BLOB(n) or BLOB for float32", column: source.vector)
    }
    let usual = sample.usual(preferring: declaration.dimensions ?? dimensions)
    if access == .verifying { return (usual?.format ?? sample.usualFormat, declaration.dimensions, nil) }
    guard let usual else {
      throw refusal(
        "row \(sample.example.key) holds \(sample.example.kind), not a vector", "correct vector: in the job",
        column: source.vector)
    }
    if case .known(_, let declared?) = declaration, declared != usual.dimensions {
      throw refusal(
        "it is declared \(column.type) but holds a vector of \(usual.dimensions) dimensions", "mend the column",
        column: source.vector)
    }
    return (usual.format, usual.dimensions, sample.warning(beside: usual))
  }

  /// An index on the key's columns, and maybe more, of the rows that lack a vector.
  private func missingIndex(for key: SQLiteKey) throws -> String? {
    let partial = try String.fetchAll(
      database, sql: "SELECT name FROM pragma_index_list(?) WHERE partial ORDER BY name", arguments: [source.table])
    let names = key.columns.map { $0.name.folded }
    for index in partial {
      let columns = try String?.fetchAll(
        database, sql: "SELECT name FROM pragma_index_info(?) ORDER BY seqno", arguments: [index])
      guard columns.prefix(names.count).map({ ($0 ?? "").folded }) == names else { continue }
      let plan = """
        EXPLAIN QUERY PLAN SELECT 1 FROM \(source.table.quotedIdentifier) INDEXED BY \(index.quotedIdentifier)
        WHERE (\(MissingVector.predicate(source.vector.quotedIdentifier))) ORDER BY \(key.ascending)
        """
      // SQLite itself says whether the index holds all rows without a vector, in order: else it can't use it.
      let steps: [Row]
      do {
        steps = try Row.fetchAll(database, sql: plan)
      } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR {
        continue
      }
      if steps.allSatisfy({ !($0["detail"] as String).contains("TEMP B-TREE") }) { return index }
    }
    return nil
  }

  private func triggers() throws -> [String] {
    let all = try Row.fetchAll(
      database,
      sql: "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE ORDER BY name",
      arguments: [source.table])
    let update = #/\bUPDATE\s+(OF\s[^;]*?\s)?ON\s/#.ignoresCase()
    // vecfill's own do nothing to its writes.
    return all.filter { ($0["sql"] as String).firstMatch(of: update) != nil }.map { $0["name"] }
      .filter { !TriggerName.isOwn($0) }
  }

  private func warnings(of key: SQLiteKey, _ columns: [SQLiteColumn]) -> [String] {
    guard key.access == SQLiteKey.rowidAccess, !columns.contains(where: { $0.name == key.columns[0].name }) else {
      return []
    }
    return [
      "\(source.name) is paged by rowid, which VACUUM may give to other rows: don't VACUUM while rows are in quarantine"
    ]
  }
}
