import Backfill
import PgVector
import Postgres

/// The trigger that notices an edited text: for `edits: clear` it empties the row's vector, for `edits: digest` it empties
/// the digest beside it, so that the row is found again and the vector serves until then.
///
/// It does so whoever edits, and in the very statement. A vector that comes with the new text is left alone. vecfill's own
/// writes change no text, so nothing of it runs for them but the comparison.
struct EditTrigger {
  /// Its SQL.
  struct Scripts {
    let up: String
    let down: String
  }

  let source: Source
  private let suffix: String
  private var vector: String { source.vector.quotedIdentifier }
  private var digest: String { source.digestColumn.quotedIdentifier }

  /// The trigger of `source`, whose `edits` say what it does.
  init(_ source: Source) {
    self.source = source
    suffix = source.edits == .digest ? TriggerName.Suffix.stale : TriggerName.Suffix.clear
  }

  /// The trigger's name on `table`, which is the source's or inherits from it, and its function's.
  func name(on table: SQLName) -> OwnName {
    var part = source
    part.table = table.name
    return TriggerName.of(part, suffix)
  }
}

extension EditTrigger {
  /// What removes the trigger called `name` from `table`, with its function.
  static func removal(of name: String, on table: SQLName, schema: String?, _ dialect: Dialect) -> String {
    guard dialect == .postgres else { return "DROP TRIGGER \(name.quotedIdentifier);" }
    return """
      DROP TRIGGER \(name.quotedIdentifier) ON \(table.quoted);
      DROP FUNCTION \(SQLName(schema: table.schema ?? schema, name).quoted)();
      """
  }
}

/// For PostgreSQL.
extension EditTrigger {
  /// Called `name`, on `table` alone. The function is in the table's schema, which is `schema` where the table's name has
  /// none.
  func postgres(_ name: String, on table: SQLName, schema: String?) -> Scripts {
    let function = SQLName(schema: table.schema ?? schema, name).quoted
    // A column may have the name of a variable that each trigger's function has, such as `found` or `tg_op`.
    // An expression may need the functions that are found now, whatever the writer's search path is.
    let path = source.text.columns == nil ? " SET search_path FROM CURRENT" : ""
    return Scripts(
      up: """
        CREATE OR REPLACE FUNCTION \(function)() RETURNS trigger LANGUAGE plpgsql\(path) AS $vecfill$
        #variable_conflict use_column
        BEGIN
        \(body)
          RETURN NEW;
        END
        $vecfill$;
        CREATE TRIGGER \(name.quotedIdentifier) BEFORE UPDATE ON \(table.quoted) FOR EACH ROW
        WHEN (OLD.\(vector) IS NOT NULL\(columnsDiffer)) EXECUTE FUNCTION \(function)();
        """,
      down: Self.removal(of: name, on: table, schema: schema, .postgres))
  }

  /// That one of the text's columns changes, byte by byte: to a column's own collation two texts may be equal.
  private var columnsDiffer: String {
    guard let columns = source.text.columns else { return "" }
    let terms = columns.map { column in
      let sides = ["OLD", "NEW"].map { "(\($0).\(column.quotedIdentifier))::pg_catalog.text COLLATE pg_catalog.\"C\"" }
      return "\(sides[0]) IS DISTINCT FROM \(sides[1])"
    }
    return " AND (\(terms.joined(separator: " OR ")))"
  }

  private var body: String {
    // A vector is compared by its text, which needs nothing that may be off the writer's search path.
    let isSame = "NEW.\(vector)::pg_catalog.text OPERATOR(pg_catalog.=) OLD.\(vector)::pg_catalog.text"
    let clear = """
        IF \(isSame) THEN
          NEW.\(vector) := NULL;
        END IF;
      """
    let mark = """
        IF NEW.\(vector) IS NULL OR \(isBlank) THEN
          NEW.\(vector) := NULL;
          NEW.\(digest) := NULL;
        ELSIF \(isSame) THEN
          NEW.\(digest) := pg_catalog.decode('', 'hex');
        ELSIF NEW.\(digest) OPERATOR(pg_catalog.=) OLD.\(digest) THEN
          NEW.\(digest) := NULL;
        END IF;
      """
    return unlessTextIsSame + (source.edits == .digest ? mark : clear)
  }

  /// For an expression, of which only the whole can be compared: ends the function where it is the same as before. What
  /// it fails with must not keep the application from writing: then the text counts as edited.
  private var unlessTextIsSame: String {
    guard source.text.columns == nil else { return "" }
    return """
        BEGIN
          IF \(text(of: "OLD")) IS NOT DISTINCT FROM \(text(of: "NEW")) THEN
            RETURN NEW;
          END IF;
        EXCEPTION WHEN OTHERS THEN
          NULL;
        END;

      """
  }

  /// The text of the row OLD or NEW.
  private func text(of row: String) -> String { source.computed(source.text.postgres(), of: row) }

  /// That the new text is blank: it gets no vector, so the old one can't wait for it.
  private var isBlank: String {
    // An expression that fails says nothing; a run finds out.
    guard source.text.columns != nil else { return "false" }
    return "NOT coalesce(\(source.computed(MissingRowsIndex.isText(source.text.postgres()), of: "NEW")), false)"
  }
}

/// For SQLite.
extension EditTrigger {
  /// nil for an expression: what it fails with would keep the application from writing. The row is found again by the
  /// columns `keys`.
  func sqlite(_ name: String, keys: [String]) -> Scripts? {
    guard let columns = source.text.columns else { return nil }
    let name = name.quotedIdentifier
    let table = source.table.quotedIdentifier
    let isRow = keys.map { "\($0.quotedIdentifier) IS NEW.\($0.quotedIdentifier)" }.joined(separator: " AND ")
    let isSame = "NEW.\(vector) IS OLD.\(vector)"
    let differ = columns.map { column in
      let values = [TriggerName.formerValue(of: column), "NEW.\(column.quotedIdentifier)"]
      let sides = values.map { "CAST(\($0) AS BLOB)" }
      return "\(sides[0]) IS NOT \(sides[1])"
    }.joined(separator: " OR ")
    let changes: String
    if source.edits == .digest {
      let isBlank = isBlank(columns)
      changes = """
        \(sqliteDigest) = CASE WHEN \(isBlank) THEN NULL WHEN \(isSame) THEN x'' WHEN NEW.\(sqliteDigest) IS OLD.\(sqliteDigest) THEN NULL
              ELSE NEW.\(sqliteDigest) END,
            \(vector) = CASE WHEN \(isBlank) THEN NULL ELSE NEW.\(vector) END
        """
    } else {
      changes = "\(vector) = NULL"
    }
    return Scripts(
      up: """
        CREATE TRIGGER \(name) AFTER UPDATE ON \(table) FOR EACH ROW
        WHEN NEW.\(vector) IS NOT NULL AND (\(differ))\(source.edits == .digest ? "" : " AND \(isSame)")
        BEGIN
          UPDATE \(table) SET \(changes) WHERE \(isRow);
        END;
        """,
      down: "DROP TRIGGER \(name);")
  }

  private var sqliteDigest: String { source.sqliteDigestColumn.quotedIdentifier }

  private func isBlank(_ columns: [String]) -> String {
    let values = columns.map { "NEW.\($0.quotedIdentifier) AS \($0.quotedIdentifier)" }.joined(separator: ", ")
    let text = "(SELECT \(source.text.sqlite) FROM (SELECT \(values)))"
    return "coalesce(trim(CAST(\(text) AS TEXT), char(9, 10, 13, 32)), '') = ''"
  }
}
