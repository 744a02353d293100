import Backfill
import PgVector
import Postgres

/// The triggers that keep a table's two vector columns right while both are there.
///
/// - An edit of the text empties the vector that the application doesn't read, as `edits: clear` does for the other.
/// - A vector of the other model than the column's that the application reads is not let in: NULL is written in its
///   place, and the row is filled again. A session says which model its vectors are of with `SET vecfill.model`; one that
///   says nothing is an application of before the change.
///
/// The comparisons are in the triggers' conditions, whose operators are found when they are made: the functions need no
/// search path.
struct ReembeddingTriggers: Sendable {
  let reembedding: Reembedding
  let source: Source
  let schema: String?
  /// The tables that rows can be written to: the source's, and those that inherit from it.
  private let parts: [(table: SQLName, names: Names)]

  /// What it is all called on one of the tables.
  private struct Names {
    let function: String
    let insert: String
    let update: String
    /// The trigger on edits of the column beside.
    let beside: String
    /// Those on edits of the column that the application reads.
    let own: [Edits: String]
  }

  private enum Suffix {
    static let function = "foreign"
    static let insert = "insert"
    static let update = "update"
  }

  init(
    _ reembedding: Reembedding, _ source: Source, parts: [SQLName], schema: String?,
    on connection: isolated PostgresConnection
  ) throws {
    (self.reembedding, self.source, self.schema) = (reembedding, source, schema)
    self.parts = try parts.map { part in
      func choose(_ name: OwnName, of column: String, on connection: isolated PostgresConnection) throws -> String {
        let found = try OwnName.functions([name], of: column, on: part.quoted, connection)
        return name.chosen { found[$0] }
      }
      let function = Self.name(source, part, Suffix.function)
      let chosen = try choose(function, of: reembedding.column, on: connection)
      func like(_ name: OwnName) -> String { chosen == function.plain ? name.plain : name.exact }
      let beside = Self.edits(source, .clear, of: reembedding.columnBeside).name(on: part)
      var own: [Edits: String] = [:]
      for edits in [Edits.clear, .digest] {
        let name = Self.edits(source, edits, of: reembedding.column).name(on: part)
        own[edits] = try choose(name, of: reembedding.column, on: connection)
      }
      let names = Names(
        function: chosen, insert: like(Self.name(source, part, Suffix.insert)),
        update: like(Self.name(source, part, Suffix.update)),
        beside: try choose(beside, of: reembedding.columnBeside, on: connection), own: own)
      return (part, names)
    }
  }

  func creation(on connection: isolated PostgresConnection) throws {
    for (part, names) in parts {
      let edits = Self.edits(source, .clear, of: reembedding.columnBeside)
      try connection.execute(edits.postgres(names.beside, on: part, schema: schema).up)
      if reembedding.former != reembedding.target.model { try connection.execute(guards(part, names)) }
    }
  }

  func removal(on connection: isolated PostgresConnection) throws {
    for (part, names) in parts {
      for name in [names.insert, names.update, names.beside] {
        try connection.execute("DROP TRIGGER IF EXISTS \(name.quotedIdentifier) ON \(part.quoted)")
      }
      // With a column that was dropped by hand its trigger went, and the function stayed.
      for name in [names.function, names.beside] {
        try connection.execute("DROP FUNCTION IF EXISTS \(function(name, part))()")
      }
    }
  }

  /// Whether any of those that keep vectors of the other model out is there.
  func areLeft(on connection: isolated PostgresConnection) throws -> Bool {
    for (part, names) in parts {
      for name in [names.insert, names.update] where try isThere(name, on: part, on: connection) { return true }
    }
    return false
  }

  /// Those that the job's own `edits` made for the column that the application reads: PostgreSQL has them follow a column
  /// that is renamed, so that they are made again.
  func renewOwn(on connection: isolated PostgresConnection) throws {
    for (part, names) in parts {
      for (edits, name) in names.own {
        guard try isThere(name, on: part, on: connection) else { continue }
        let scripts = Self.edits(source, edits, of: reembedding.column).postgres(name, on: part, schema: schema)
        try connection.execute(scripts.down)
        try connection.execute(scripts.up)
      }
    }
  }

  /// Their names, and those of the job's own that are made again.
  var all: Set<String> {
    Set(parts.map(\.names).flatMap { [$0.insert, $0.update, $0.beside] + $0.own.values })
  }

  private func isThere(_ name: String, on part: SQLName, on connection: isolated PostgresConnection) throws -> Bool {
    try !connection.query(
      "SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass($1) AND tgname = $2", [.text(part.quoted), .text(name)]
    ).isEmpty
  }

  private static func edits(_ source: Source, _ edits: Edits, of column: String) -> EditTrigger {
    var edited = source
    edited.vector = column
    edited.edits = edits
    return EditTrigger(edited)
  }

  private static func name(_ source: Source, _ part: SQLName, _ suffix: String) -> OwnName {
    var own = source
    own.table = part.name
    return TriggerName.of(own, suffix)
  }

  private func function(_ name: String, _ part: SQLName) -> String {
    SQLName(schema: part.schema ?? schema, name).quoted
  }

  private func guards(_ part: SQLName, _ names: Names) -> String {
    let function = function(names.function, part)
    let read = reembedding.column.quotedIdentifier
    let isForeign = "NEW.\(read) IS NOT NULL AND \(isForeign)"
    return """
      CREATE OR REPLACE FUNCTION \(function)() RETURNS trigger LANGUAGE plpgsql AS $vecfill$
      BEGIN
        NEW.\(read) := NULL;
        RETURN NEW;
      END
      $vecfill$;
      CREATE TRIGGER \(names.insert.quotedIdentifier) BEFORE INSERT ON \(part.quoted) FOR EACH ROW
        WHEN (\(isForeign)) EXECUTE FUNCTION \(function)();
      CREATE TRIGGER \(names.update.quotedIdentifier) BEFORE UPDATE ON \(part.quoted) FOR EACH ROW
        WHEN (\(isForeign) AND NEW.\(read) IS DISTINCT FROM OLD.\(read)) EXECUTE FUNCTION \(function)();
      """
  }

  /// That a session's vectors are not of the model that the application reads.
  private var isForeign: String {
    let declared = "pg_catalog.current_setting('\(VectorWriter.setting)', true)"
    let target = reembedding.target.model.sqlLiteral
    return reembedding.isSwitched ? "\(declared) IS DISTINCT FROM \(target)" : "\(declared) = \(target)"
  }
}

extension String {
  /// The text as an SQL literal, whatever the session says of backslashes.
  var sqlLiteral: String {
    "E'\(unicodeScalars.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined())'"
  }
}
