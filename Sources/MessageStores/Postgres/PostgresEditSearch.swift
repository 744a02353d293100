import Backfill
import PgVector
import Postgres

/// A search for edited rows that reads no text of a row that was not written since an earlier one.
///
/// A row shows by its system column `xmin` which transaction wrote it. Of all that are older than the oldest one that ran as
/// a complete search began, that search has seen what they wrote: so a transaction that lasts longer than a search hides
/// nothing.
struct PostgresEditSearch: Equatable, Sendable {
  /// The session that it began in. In another one, the server may be another, with another history.
  let session: Int
  /// The oldest transaction that ran as it began, in full width.
  private let begunAt: UInt64
  /// What no older transaction wrote was searched before; nil where each text is to be read.
  private var searched: UInt64?

  /// PostgreSQL knows the order of two transactions that are less than 2^31 apart. Half of it is left to the run itself.
  private static let mostTransactions: UInt64 = 1 << 30

  /// Begins one. `earlier` counts where it is of the same rows and texts, and the database still has its mark: then all that
  /// it saw is in this database's own past.
  init?(
    after earlier: SearchedEdits?, scope: String, _ records: PostgresColumnRecords,
    on connection: isolated PostgresConnection
  ) throws {
    // It is asked for before anything of the search is read.
    let oldest = try connection.inspect("SELECT pg_snapshot_xmin(pg_current_snapshot())")[0][0]
    guard let begunAt = oldest.flatMap({ UInt64($0) }) else { return nil }
    self.begunAt = begunAt
    session = connection.session
    guard let earlier, earlier.scope == scope, let point = UInt64(earlier.point), point <= begunAt,
      begunAt - point < Self.mostTransactions, try records.mark(on: connection) == earlier.mark
    else { return }
    searched = point
  }

  /// Ends it, complete; nil where its mark can't be left.
  func end(
    scope: String, _ records: PostgresColumnRecords, on connection: isolated PostgresConnection
  ) throws -> (next: PostgresEditSearch, searched: SearchedEdits)? {
    guard session == connection.session, let mark = try records.renewMark(on: connection) else { return nil }
    var next = self
    next.searched = begunAt
    return (next, SearchedEdits(point: "\(begunAt)", mark: mark, scope: scope))
  }

  /// The table as it is searched in `session`.
  func narrowing(_ table: PostgresTable, in session: Int) -> PostgresTable {
    guard let searched, session == self.session else { return table }
    var table = table
    // Rows of a table that inherits may be older than their being rows of this one.
    table.edits?.unsearched =
      "(tableoid <> \(table.oid)::pg_catalog.oid OR "
      + "pg_catalog.age(xmin) <= pg_catalog.age('\(UInt32(truncatingIfNeeded: searched))'::pg_catalog.xid))"
    return table
  }

  /// What a search of `source` goes by; nil where its rows' `xmin` doesn't tell of all that makes a text another.
  ///
  /// - Parameter columns: those of its table.
  static func scope(
    of source: Source, columns: [PostgresColumn], in relation: String, on connection: isolated PostgresConnection
  ) throws -> String? {
    var others = source
    others.since = nil
    guard others.condition == nil, let names = source.text.columns else { return nil }
    var parts = [source.text.postgres(), source.condition ?? ""]
    for name in names + [source.since?.column].compactMap(\.self) {
      // A label of an enumeration is renamed, and a virtual column's expression changed, without a row being written.
      guard let column = columns.first(where: { $0.name == name }), !column.isVirtual, column.type.category != "E"
      else {
        return nil
      }
      parts.append(column.number)
    }
    // Of a partitioned table, what is attached may be older. The role may lack the right to these two columns.
    let isHeap = try !connection.inspect(
      """
      SELECT 1 FROM pg_class WHERE oid = $1::oid AND relkind = 'r'
        AND relam = (SELECT oid FROM pg_am WHERE amname = 'heap')
        AND has_column_privilege(oid, 'xmin', 'SELECT') AND has_column_privilege(oid, 'tableoid', 'SELECT')
      """, [.text(relation)]
    ).isEmpty
    return isHeap ? TextDigest(of: parts.joined(separator: "\n")).bytes.hex : nil
  }
}
