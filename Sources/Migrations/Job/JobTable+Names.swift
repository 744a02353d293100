import Backfill
import GRDB
import MessageStores
import PgVector
import Postgres

/// The names that the table's things have already.
extension JobTable {
  /// In PostgreSQL.
  mutating func findNames(of source: Source, on connection: isolated PostgresConnection) throws {
    for part in indexed.map(\.name) {
      add(
        try OwnName.indexes(
          Self.indexNames(of: source, on: part).flatMap(\.both), of: [source.vector, source.digestColumn],
          on: part.quoted, connection),
        in: part.schema)
    }
    for part in triggered {
      let triggers = Self.triggerNames(of: source, on: part)
      add(try OwnName.functions(triggers, of: source.vector, on: part.quoted, connection), in: part.schema)
      misled[part] = try OwnName.misled(triggers, on: part.quoted, connection)
      former[part] = try connection.query(
        """
        SELECT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid = to_regclass($1) AND t.tgparentid = 0 AND strpos(p.prosrc, $2) > 0 ORDER BY 1
        """, [.text(part.quoted), .text(OwnName.mention(of: source.vector))]
      ).compactMap { $0[0] }.filter { Self.isFormer($0, among: triggers) }
    }
    if source.keepsDigestsApart, let schema {
      let tables = try OwnName.digestTables(of: source, in: schema, connection)
      add(tables.found, in: schema)
      digestsAreUnclaimed = tables.isUnclaimed
    }
  }

  /// In SQLite, where a trigger or an index is of a column that its SQL names.
  mutating func findNames(of source: Source, _ db: Database) throws {
    let names = Self.indexNames(of: source, on: source.tableName) + Self.triggerNames(of: source, on: source.tableName)
    add(try OwnName.sqlite(names, of: source, db), in: source.schema)
    former[source.tableName] = try String.fetchAll(
      db,
      sql: """
        SELECT name FROM sqlite_master
        WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE AND instr(sql, ?) > 0 ORDER BY name
        """, arguments: [source.table, OwnName.mention(of: source.vector)]
    ).filter { Self.isFormer($0, among: Self.triggerNames(of: source, on: source.tableName)) }
  }

  /// Whether a trigger is one on edits, and not by the name that it would have now.
  private static func isFormer(_ name: String, among own: [OwnName]) -> Bool {
    let suffixes = [TriggerName.Suffix.clear, TriggerName.Suffix.stale].map { "_\($0)" }
    return TriggerName.isOwn(name) && suffixes.contains { name.hasSuffix($0) }
      && !own.contains { $0.both.contains(name) }
  }

  private mutating func add(_ found: [String: Bool], in schema: String?) {
    for (name, isOwn) in found { names[SQLName(schema: schema ?? self.schema, name)] = isOwn }
  }

  private static func indexNames(of source: Source, on part: SQLName) -> [OwnName] {
    var own = source
    own.table = part.name
    let suffixes = [
      IndexName.Suffix.missing, MissingVector.suffix, IndexName.Suffix.newest, IndexName.Suffix.edited,
      IndexName.Suffix.vectors,
    ]
    return suffixes.map { IndexName.of(own, $0) }
  }

  private static func triggerNames(of source: Source, on part: SQLName) -> [OwnName] {
    var own = source
    own.table = part.name
    return [TriggerName.Suffix.clear, TriggerName.Suffix.stale, TriggerName.Suffix.notify].map {
      TriggerName.of(own, $0)
    }
  }
}
