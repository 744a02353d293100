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
  /// The tables that rows can be written to: the source's, and those that inherit from it.
  let parts: [SQLName]
  let schema: String?

  private enum Suffix {
    static let function = "foreign"
    static let insert = "insert"
    static let update = "update"
  }

  func creation(on connection: isolated PostgresConnection) throws {
    for part in parts {
      try connection.execute(edits(.clear, of: reembedding.columnBeside).postgres(on: part, schema: schema).up)
      if reembedding.former != reembedding.target.model { try connection.execute(guards(part)) }
    }
  }

  func removal(on connection: isolated PostgresConnection) throws {
    for part in parts {
      for suffix in [Suffix.insert, Suffix.update] {
        try connection.execute("DROP TRIGGER IF EXISTS \(name(part, suffix).quotedIdentifier) ON \(part.quoted)")
      }
      try connection.execute("DROP FUNCTION IF EXISTS \(function(part))()")
      // With a column that was dropped by hand its trigger went, and the function stayed.
      let edits = edits(.clear, of: reembedding.columnBeside).name(on: part)
      try connection.execute("DROP TRIGGER IF EXISTS \(edits.quotedIdentifier) ON \(part.quoted)")
      try connection.execute("DROP FUNCTION IF EXISTS \(SQLName(schema: part.schema ?? schema, edits).quoted)()")
    }
  }

  /// Whether any of those that keep vectors of the other model out is there.
  func areLeft(on connection: isolated PostgresConnection) throws -> Bool {
    for part in parts {
      for suffix in [Suffix.insert, Suffix.update]
      where try isThere(name(part, suffix), on: part, on: connection) { return true }
    }
    return false
  }

  /// Those that the job's own `edits` made for the column that the application reads: PostgreSQL has them follow a column
  /// that is renamed, so that they are made again.
  func renewOwn(on connection: isolated PostgresConnection) throws {
    for part in parts {
      for edits in [Edits.clear, .digest].map({ self.edits($0, of: reembedding.column) }) {
        guard try isThere(edits.name(on: part), on: part, on: connection) else { continue }
        let scripts = edits.postgres(on: part, schema: schema)
        try connection.execute(scripts.down)
        try connection.execute(scripts.up)
      }
    }
  }

  /// Their names, and those of the job's own that are made again.
  var names: Set<String> {
    Set(
      parts.flatMap { part in
        [
          name(part, Suffix.insert), name(part, Suffix.update),
          edits(.clear, of: reembedding.columnBeside).name(on: part),
        ]
      }
    ).union(EditTrigger.names(of: source, on: parts))
  }

  private func isThere(_ name: String, on part: SQLName, on connection: isolated PostgresConnection) throws -> Bool {
    try !connection.query(
      "SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass($1) AND tgname = $2", [.text(part.quoted), .text(name)]
    ).isEmpty
  }

  private func edits(_ edits: Edits, of column: String) -> EditTrigger {
    var edited = source
    edited.vector = column
    edited.edits = edits
    return EditTrigger(edited)
  }

  private func name(_ part: SQLName, _ suffix: String) -> String {
    var own = source
    own.table = part.name
    return TriggerName.of(own, suffix)
  }

  private func function(_ part: SQLName) -> String {
    SQLName(schema: part.schema ?? schema, name(part, Suffix.function)).quoted
  }

  private func guards(_ part: SQLName) -> String {
    let read = reembedding.column.quotedIdentifier
    let isForeign = "NEW.\(read) IS NOT NULL AND \(isForeign)"
    return """
      CREATE OR REPLACE FUNCTION \(function(part))() RETURNS trigger LANGUAGE plpgsql AS $vecfill$
      BEGIN
        NEW.\(read) := NULL;
        RETURN NEW;
      END
      $vecfill$;
      CREATE TRIGGER \(name(part, Suffix.insert).quotedIdentifier) BEFORE INSERT ON \(part.quoted) FOR EACH ROW
        WHEN (\(isForeign)) EXECUTE FUNCTION \(function(part))();
      CREATE TRIGGER \(name(part, Suffix.update).quotedIdentifier) BEFORE UPDATE ON \(part.quoted) FOR EACH ROW
        WHEN (\(isForeign) AND NEW.\(read) IS DISTINCT FROM OLD.\(read)) EXECUTE FUNCTION \(function(part))();
      """
  }

  /// That a session's vectors are not of the model that the application reads.
  private var isForeign: String {
    let declared = "pg_catalog.current_setting('\(VectorWriter.setting)', true)"
    let target = reembedding.target.model.sqlLiteral
    return reembedding.isSwitched ? "\(declared) IS DISTINCT FROM \(target)" : "\(declared) = \(target)"
  }
}

extension EditTrigger {
  /// The names of those that a job's `edits` can have made of the source.
  static func names(of source: Source, on parts: [SQLName]) -> Set<String> {
    Set(
      [Edits.clear, .digest].flatMap { edits in
        var edited = source
        edited.edits = edits
        return parts.map { EditTrigger(edited).name(on: $0) }
      })
  }
}

extension String {
  /// The text as an SQL literal, whatever the session says of backslashes.
  var sqlLiteral: String {
    "E'\(unicodeScalars.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined())'"
  }
}
