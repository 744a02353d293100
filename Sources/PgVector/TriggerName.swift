import Backfill
import Postgres

/// The names of the triggers that vecfill makes, and of the functions that they run.
package enum TriggerName {
  /// PostgreSQL fires the triggers of a row in the order of their names, and this one has to see the text as all others
  /// have left it.
  package static let prefix = "zz_vecfill_"

  /// `zz_vecfill_TABLE_COLUMN_SUFFIX`, of at most PostgreSQL's 63 bytes; digests distinguish names as in `IndexName`.
  package static func of(_ source: Source, _ suffix: String) -> OwnName {
    OwnName(of: source, prefix: prefix, longest: 44, suffix: "_\(suffix)")
  }

  /// What the trigger of a source notifies: columns whose names make the same words share it, and their runs look once
  /// too often.
  package static func channel(of source: Source) -> String { of(source, Suffix.notify).plain }

  /// Whether `name` is one of vecfill's own.
  package static func isOwn(_ name: String) -> Bool { name.hasPrefix(prefix) }

  /// SQL for whether the trigger `t` of the catalogue's watches the columns of the array `columns` of its table. A column
  /// that is renamed takes the trigger along, and the one that gets its name is not watched.
  ///
  /// A partition's own follows its table's.
  package static func watches(_ columns: String) -> String {
    """
    (t.tgparentid <> 0 OR \(columns) <@ array(
      SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_depend d
      JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
      WHERE d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND d.objid = t.oid
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = t.tgrelid))
    """
  }

  /// What the SQL of a trigger of SQLite's has of each column of a text that it watches.
  package static func formerValue(of column: String) -> String { "OLD.\(column.quotedIdentifier)" }

  /// What the name of each trigger ends with.
  package enum Suffix {
    package static let clear = "clear"
    package static let stale = "stale"
    package static let notify = "notify"
  }
}
