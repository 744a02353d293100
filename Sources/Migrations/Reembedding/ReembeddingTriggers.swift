import Backfill
import PgVector
import Postgres

/// The triggers that keep a table's two vector columns right while both are there.
///
/// - An edit of the text sets the vector that the application doesn't read to NULL, unless the statement gives it anew.
/// - A vector of the other model than the column's that the application reads is not let in: NULL is written in its
///   place, and the row is filled again. A session says which model its vectors are of with `SET vecfill.model`; one that
///   says nothing is an application of before the change.
///
/// All comparisons are in the triggers' conditions, whose operators are found when they are made: the functions need no
/// search path. The conditions cost a row's write little, and the functions run only where there is something to do.
struct ReembeddingTriggers: Sendable {
  let reembedding: Reembedding
  /// The columns whose change is an edit of the text.
  let textColumns: [String]

  /// PostgreSQL fires the triggers of a row in the order of their names, and these have to see it as all others left it.
  static let prefix = "zz_vecfill_"

  private var table: String { reembedding.table.quoted }
  private var stem: String { "\(Self.prefix)reembed_\(IndexName.digest(of: reembedding.place))" }
  private var names: [String] { ["edit", "insert", "update"].map { "\(stem)_\($0)".quotedIdentifier } }
  private var function: String { SQLName(schema: reembedding.table.schema, stem).quoted }

  /// The statements that make them, or make them anew after a switch, as one script.
  var creation: String {
    let beside = reembedding.columnBeside.quotedIdentifier
    let read = reembedding.column.quotedIdentifier
    let isEdited = textColumns.map(\.quotedIdentifier).map {
      "OLD.\($0)::pg_catalog.text IS DISTINCT FROM NEW.\($0)::pg_catalog.text"
    }.joined(separator: " OR ")
    let body = """
      BEGIN
        IF TG_ARGV[0] = 'beside' THEN NEW.\(beside) := NULL; ELSE NEW.\(read) := NULL; END IF;
        RETURN NEW;
      END
      """
    var script = """
      \(removal);
      CREATE FUNCTION \(function)() RETURNS trigger LANGUAGE plpgsql AS \(body.sqlLiteral);
      CREATE TRIGGER \(names[0]) BEFORE UPDATE ON \(table) FOR EACH ROW
        WHEN ((\(isEdited)) AND NEW.\(beside) IS NOT NULL AND NEW.\(beside) IS NOT DISTINCT FROM OLD.\(beside))
        EXECUTE FUNCTION \(function)('beside');
      """
    guard reembedding.former != reembedding.target.model else { return script }
    script += """

      CREATE TRIGGER \(names[1]) BEFORE INSERT ON \(table) FOR EACH ROW
        WHEN (NEW.\(read) IS NOT NULL AND \(isForeign)) EXECUTE FUNCTION \(function)('read');
      CREATE TRIGGER \(names[2]) BEFORE UPDATE ON \(table) FOR EACH ROW
        WHEN (NEW.\(read) IS NOT NULL AND \(isForeign) AND NEW.\(read) IS DISTINCT FROM OLD.\(read))
        EXECUTE FUNCTION \(function)('read');
      """
    return script
  }

  /// The statements that remove them, as one script.
  var removal: String {
    (names.map { "DROP TRIGGER IF EXISTS \($0) ON \(table)" } + ["DROP FUNCTION IF EXISTS \(function)()"])
      .joined(separator: "; ")
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
