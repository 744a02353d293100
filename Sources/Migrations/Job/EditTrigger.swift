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

  private let source: Source
  /// A row's text as its digest is made of it, with each column behind `OLD.` or `NEW.`.
  private let text: (_ row: String) -> String
  private let suffix: String
  private var vector: String { source.vector.quotedIdentifier }
  private var digest: String { source.digestColumn.quotedIdentifier }

  /// - Parameter text: a row's text as an expression, for the row OLD or NEW.
  init(_ source: Source, text: @escaping (_ row: String) -> String) {
    self.source = source
    self.text = text
    suffix = source.edits == .digest ? TriggerName.Suffix.stale : TriggerName.Suffix.clear
  }

  /// The trigger's name on `table`, which is the source's or inherits from it.
  func name(on table: SQLName) -> String {
    var part = source
    part.table = table.name
    return TriggerName.of(part, suffix)
  }
}

extension EditTrigger {
  /// For PostgreSQL, on `table` alone. The function is in the schema `schema`, as the table is.
  func postgres(on table: SQLName, schema: String?) -> Scripts {
    let name = name(on: table)
    let function = SQLName(schema: table.schema ?? schema, name).quoted
    let text = (old: "(\(text("OLD"))) COLLATE pg_catalog.\"C\"", new: "(\(text("NEW"))) COLLATE pg_catalog.\"C\"")
    // A vector is compared by its text, which needs nothing that may be off the writer's search path.
    let isSame =
      "NEW.\(vector)::pg_catalog.text OPERATOR(pg_catalog.=) OLD.\(vector)::pg_catalog.text"
    let body =
      source.edits == .digest
      ? """
      IF NEW.\(vector) IS NULL OR NOT coalesce(\(MissingRowsIndex.isText("(\(self.text("NEW")))")), false) THEN
          NEW.\(vector) := NULL;
          NEW.\(digest) := NULL;
        ELSIF \(isSame) THEN
          NEW.\(digest) := pg_catalog.decode('', 'hex');
        ELSIF NEW.\(digest) OPERATOR(pg_catalog.=) OLD.\(digest) THEN
          NEW.\(digest) := NULL;
        END IF;
      """
      : """
      IF \(isSame) THEN
          NEW.\(vector) := NULL;
        END IF;
      """
    return Scripts(
      up: """
        CREATE OR REPLACE FUNCTION \(function)() RETURNS trigger LANGUAGE plpgsql AS $vecfill$
        BEGIN
          \(body)
          RETURN NEW;
        END
        $vecfill$;
        CREATE TRIGGER \(name.quotedIdentifier) BEFORE UPDATE ON \(table.quoted) FOR EACH ROW
        WHEN (OLD.\(vector) IS NOT NULL AND \(text.old) IS DISTINCT FROM \(text.new))
        EXECUTE FUNCTION \(function)();
        """,
      down: """
        DROP TRIGGER \(name.quotedIdentifier) ON \(table.quoted);
        DROP FUNCTION \(function)();
        """)
  }

  /// For SQLite. The row is found again by the columns `keys`.
  func sqlite(keys: [String]) -> Scripts {
    let name = name(on: source.tableName).quotedIdentifier
    let table = source.table.quotedIdentifier
    let isRow = keys.map { "\($0.quotedIdentifier) IS NEW.\($0.quotedIdentifier)" }.joined(separator: " AND ")
    let isSame = "NEW.\(vector) IS OLD.\(vector)"
    let change: (values: String, condition: String) =
      if source.edits == .digest {
        (
          """
          \(digest) = CASE WHEN \(isBlank) THEN NULL WHEN \(isSame) THEN x'' WHEN NEW.\(digest) IS OLD.\(digest) THEN NULL
              ELSE NEW.\(digest) END,
              \(vector) = CASE WHEN \(isBlank) THEN NULL ELSE NEW.\(vector) END
          """, ""
        )
      } else {
        ("\(vector) = NULL", " AND \(isSame)")
      }
    return Scripts(
      up: """
        CREATE TRIGGER \(name) AFTER UPDATE ON \(table) FOR EACH ROW
        WHEN NEW.\(vector) IS NOT NULL AND (\(text("OLD"))) IS NOT (\(text("NEW")))\(change.condition)
        BEGIN
          UPDATE \(table) SET \(change.values) WHERE \(isRow);
        END;
        """,
      down: "DROP TRIGGER \(name);")
  }

  private var isBlank: String {
    "coalesce(trim(CAST((\(text("NEW"))) AS TEXT), char(9, 10, 13, 32)), '') = ''"
  }
}
