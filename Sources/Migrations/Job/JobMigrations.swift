import Backfill
import PgVector
import Postgres

/// The migrations that make what a job's tables need: the extension, the columns, the indexes that find the rows without a
/// vector, and the vector indexes that the job asks for.
package struct JobMigrations: Sendable {
  let job: Job
  let dialect: Dialect
  private var known: [String: Int] = [:]
  /// The columns that the plain names of this job's things are of.
  private var claims: [SQLName: SQLName] = [:]
  private var migrations: [Migration] = []
  private var withdrawn: [Migration] = []
  /// What a person should know beside them.
  package internal(set) var notes: [String] = []

  /// Reads the live tables; what is there already is a migration, too, and found by it.
  ///
  /// Throws a `Failure` with `.configuration` for a table that doesn't exist, and for a vector column that the job's
  /// vectors don't fit.
  package init(_ job: Job, _ database: some MigrationDatabase) async throws {
    self.job = job
    dialect = database.dialect
    // A number that a migration was recorded under stays its own.
    let label = MigrationSet.label(ofJob: job.name)
    for record in try await database.records() where record.folder == label { known[record.name] = record.version }
    if dialect == .postgres {
      try add("vector_extension", up: "CREATE EXTENSION vector", down: "DROP EXTENSION vector")
    }
    for source in job.sources {
      var keyed = source
      // SQLite takes no schema in many of its statements, and the file's own is `main`.
      if dialect == .sqlite, source.schema == "main" { keyed.schema = nil }
      let table = try await database.table(of: keyed)
      keyed.keys = table.keys
      try addNeeds(of: keyed, table)
    }
  }

  package var set: MigrationSet {
    MigrationSet(job: job.name, migrations.sorted { $0.version < $1.version }, withdrawn: withdrawn)
  }

  private var concurrently: String { dialect == .postgres ? "CONCURRENTLY " : "" }

  private mutating func addNeeds(of source: Source, _ table: JobTable) throws {
    if let chunks = source.chunks {
      guard dialect == .postgres else { throw source.noPieces }
      return try addPieces(of: source, chunks, table)
    }
    try checkNewColumns(of: source, table)
    try addColumn(of: source, table)
    if source.edits == .digest {
      if source.keepsDigestsApart { try addDigestTable(of: source, table) } else { try addDigestColumn(of: source) }
    }
    for indexed in table.indexed {
      var part = source
      part.table = indexed.name.name
      let keys = source.keys.map(\.quotedIdentifier).joined(separator: ", ")
      let indexedKeys = table.isPagedByRowNumber ? nil : keys
      let isSQLite = dialect == .sqlite
      let predicate =
        isSQLite
        ? MissingVector.predicate(source.vector.quotedIdentifier)
        : indexed.index.predicate(vector: source.vector, text: source.indexedText)
      func name(_ suffix: String) -> String {
        choose(IndexName.of(part, suffix), of: source, on: indexed.name, table)
      }
      // On SQLite an earlier version's knew NULL alone.
      if isSQLite { try withdrawIndex(name(IndexName.Suffix.missing), on: indexed.name) }
      let missing = name(isSQLite ? MissingVector.suffix : IndexName.Suffix.missing)
      if let indexedKeys {
        try addIndex(missing, on: indexed.name, "(\(indexedKeys)) WHERE \(predicate)")
      } else {
        note(
          "\(source.name): it has no key, and SQLite no index on rowid: each run looks at all rows for missing vectors")
      }
      let newest = name(IndexName.Suffix.newest)
      if let column = source.newestBy {
        try addIndex(newest, on: indexed.name, "(\(column.quotedIdentifier), \(keys)) WHERE \(predicate)")
      } else {
        try withdrawIndex(newest, on: indexed.name)
      }
      try addMarkedRowsIndex(name(IndexName.Suffix.edited), of: part, on: indexed.name, keys: indexedKeys)
    }
    try addEditTriggers(of: source, table)
    if dialect == .postgres { try addNotifyTrigger(of: source, table) }
    if dialect == .postgres { try addVectorIndex(of: source, table) }
  }

  /// Throws a `Failure` where a column that is missing can't be made, or is there and of no use.
  private mutating func checkNewColumns(of source: Source, _ table: JobTable) throws {
    var missing = table.columnType == nil ? [source.vector] : []
    if source.edits == .digest, !source.keepsDigestsApart {
      let (digest, type) = dialect == .postgres ? (source.digestColumn, "bytea") : (source.sqliteDigestColumn, "BLOB")
      if table.digestType == nil { missing.append(digest) }
      if let found = table.digestType, dialect == .postgres, found != type {
        throw JobTable.refusal(
          source, "its column \(digest) is there as \(found), and edits: digest needs \(type)",
          "rename that column, or drop it")
      }
    }
    guard !missing.isEmpty else { return }
    guard !table.isPartition else {
      throw JobTable.refusal(
        source, "it is a partition, which gets no column of its own, and lacks \(missing.joined(separator: " and "))",
        "name the partitioned table in the job"
          + (missing.contains(source.vector) ? "" : ", or say edits: {digest: table}"))
    }
    if !table.publications.isEmpty {
      note(
        "\(source.name) is sent to the subscribers of \(table.publications.joined(separator: ", ")): add "
          + "\(missing.joined(separator: " and ")) to their tables first, else their replication stops")
    }
  }

  private mutating func addColumn(of source: Source, _ table: JobTable) throws {
    let dimensions = job.model.dimensions
    if let type = table.columnType, let found = table.declaredDimensions, found != dimensions {
      throw Failure(
        .configuration, "\(source.name).\(source.vector)",
        "it is there as \(type), and the job's vectors have \(dimensions) dimensions",
        remedy: "correct the job's dimensions, or name another column with vector: in the job")
    }
    let made = table.isStrict ? "BLOB" : "\(table.pgvector?.qualified("vector") ?? "vector")(\(dimensions))"
    let type = table.columnType ?? made
    let (name, vector) = (source.tableName.quoted, source.vector.quotedIdentifier)
    try add(
      IndexName.plain([source.schema, source.table, source.vector].compactMap(\.self).joined(separator: " ")),
      up: "ALTER TABLE \(name) ADD COLUMN \(vector) \(type)", down: "ALTER TABLE \(name) DROP COLUMN \(vector)")
  }

  private mutating func addVectorIndex(of source: Source, _ table: JobTable) throws {
    let column = "\(source.name).\(source.vector)"
    let name = choose(IndexName.of(source, IndexName.Suffix.vectors), of: source, on: source.tableName, table)
    guard table.vectorIndexes.allSatisfy({ $0 == name }) else { return }
    guard job.indexPolicy == .after else {
      if table.vectorIndexes.isEmpty, !table.isPartitioned {
        notes.append("\(column) has no vector index: `index: {when: after}` in the job makes one when it is filled")
      }
      return
    }
    guard !table.isPartitioned else {
      notes.append("\(column): PostgreSQL builds no index on a partitioned table concurrently: none is made")
      return
    }
    guard
      let index = HNSWIndex(
        column: source.vector, type: table.vectorType, dimensions: job.model.dimensions,
        isDeclared: table.isDeclared, in: table.pgvector)
    else {
      notes.append("\(column): no HNSW index holds \(job.model.dimensions) dimensions")
      return
    }
    try addIndex(
      name, on: source.tableName, index.body,
      waitingFor: MigrationScript.LoadedColumn(
        table: source.tableName, column: source.vector, text: source.text, condition: source.condition,
        view: source.view.map { SQLName(schema: $0.schema, $0.table) }))
  }

  /// An index is made without its schema, which is its table's, and dropped with it.
  mutating func addIndex(
    _ name: String, on table: SQLName, _ body: String, waitingFor load: MigrationScript.LoadedColumn? = nil
  ) throws {
    try add(
      migration(of: name, on: table),
      up: "CREATE INDEX \(concurrently)\(name.quotedIdentifier) ON \(table.quoted) \(body)",
      down: dropIndex(name, on: table), isAlone: dialect == .postgres, waitingFor: load)
  }

  /// Undoes what `addIndex` made, where it was ever run.
  mutating func withdrawIndex(_ name: String, on table: SQLName) throws {
    try withdraw(migration(of: name, on: table), by: dropIndex(name, on: table), isAlone: dialect == .postgres)
  }

  private func dropIndex(_ name: String, on table: SQLName) -> String {
    "DROP INDEX \(concurrently)\(SQLName(schema: table.schema, name).quoted)"
  }

  private func migration(of index: String, on table: SQLName) -> String {
    [table.schema.map(IndexName.plain), index.replacing(/^idx_/, with: "")].compactMap(\.self).joined(separator: "_")
  }

  /// The name of something that is made for the vector column of `source` on `part`, which is its table, or a part of it.
  ///
  /// - Parameter isOwn: whether what is there under the plain name is this column's, whatever the database says.
  mutating func choose(
    _ name: OwnName, of source: Source, on part: SQLName, _ table: JobTable, isOwn: Bool = false
  ) -> String {
    let schema = part.schema ?? table.schema
    let plain = SQLName(schema: schema, name.plain)
    let column = SQLName(schema: part.name, source.vector)
    let isFree = claims[plain].map { $0 == column } ?? true
    let chosen = name.chosen(isFree: isFree) { name in
      isOwn && isFree && name == plain.name ? true : table.names[SQLName(schema: schema, name)]
    }
    if chosen == name.plain { claims[plain] = column }
    return chosen
  }

  /// Whether the job once had a migration of that name.
  func isRecorded(_ migration: String) -> Bool { known[migration] != nil }

  /// Adds the trigger called `name`, or undoes what made it.
  ///
  /// An earlier version gave two tables whose names are alike one function; a trigger that runs another's goes.
  mutating func set(
    _ name: String, _ scripts: EditTrigger.Scripts, on part: SQLName, _ table: JobTable, isWanted: Bool
  ) throws {
    let migration = [part.schema.map(IndexName.plain), name].compactMap(\.self).joined(separator: "_")
    guard isWanted else { return try withdraw(migration, by: scripts.down) }
    let misled = table.misled[part]?.map { "DROP TRIGGER IF EXISTS \($0.quotedIdentifier) ON \(part.quoted);\n" }
    try add(migration, up: (misled ?? []).joined() + scripts.up, down: scripts.down)
  }

  /// Adds a migration unless the same was added for another source.
  mutating func add(
    _ words: String, up: String, down: String, isAlone: Bool = false,
    waitingFor load: MigrationScript.LoadedColumn? = nil
  ) throws {
    let declared = isAlone ? "-- vecfill: no-transaction\n" : ""
    func script(_ text: String, _ load: MigrationScript.LoadedColumn? = nil) throws -> MigrationScript {
      try MigrationScript(
        declared + text, file: "job \(job.name)", dialect: dialect, waitingFor: load)
    }
    let (up, down) = (try script(up, load), try script(down))
    var name = words
    if let same = migrations.first(where: { $0.name == name }) {
      guard same.down?.normalized != down.normalized else { return }
      name += "_\(IndexName.digest(of: down.normalized))"
    }
    let version = known[name] ?? (known.values.max() ?? 0) + 1
    known[name] = version
    migrations.append(Migration(version: version, name: name, up: up, down: down))
  }

  mutating func note(_ sentence: String) { notes.append(sentence) }

  /// Undoes by `down` what a migration of that name made, where it was ever run: the job needs it no more.
  mutating func withdraw(_ name: String, by down: String, isAlone: Bool = false) throws {
    guard let version = known[name], !migrations.contains(where: { $0.name == name }),
      !withdrawn.contains(where: { $0.name == name })
    else { return }
    let declared = isAlone ? "-- vecfill: no-transaction\n" : ""
    let script = try MigrationScript(declared + down, file: "job \(job.name)", dialect: dialect)
    withdrawn.append(Migration(withdrawn: version, name: name, script))
  }
}
