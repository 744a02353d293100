import Backfill
import PgVector
import Postgres

/// What a table runs or checks when its rows are updated, so that a refusal can be told by a name of the catalogue's.
struct PostgresHooks: Sendable {
  private struct Trigger: Equatable {
    let name: String
    let function: String
  }

  private let triggers: [Trigger]
  private let rules: [String]
  /// The names of the constraints and unique indexes of all tables that a trigger could write to.
  private let constraints: Set<String>

  init(of table: PostgresTable, on connection: isolated PostgresConnection) throws {
    // Pieces are inserted and deleted, and vectors of whole texts are updated.
    let (events, commands) = table.pieces == nil ? (16, "'2'") : (4 | 8, "'3', '4'")
    let relation = PostgresValue.text(table.pieces?.oid ?? table.oid)
    let segments = try connection.segments { pipeline in
      try pipeline.add(PostgresSettings(statementTimeout: .seconds(10)))
      try pipeline.add(
        """
        \(TableFamily.clause())
        SELECT t.tgname, p.proname FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid IN (SELECT oid FROM vecfill_family) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
          AND t.tgtype & \(events) <> 0 GROUP BY 1, 2 ORDER BY 1, 2
        """, [relation])
      try pipeline.add(
        """
        \(TableFamily.clause())
        SELECT DISTINCT rulename FROM pg_catalog.pg_rewrite
        WHERE ev_class IN (SELECT oid FROM vecfill_family) AND ev_type IN (\(commands)) AND ev_enabled <> 'D' ORDER BY 1
        """, [relation])
      try pipeline.add(
        """
        SELECT conname FROM pg_catalog.pg_constraint
        UNION SELECT c.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
          WHERE i.indisunique AND c.relnamespace <> 'pg_catalog'::pg_catalog.regnamespace
        """)
    }
    let results = try segments[0].get()
    // vecfill's own do nothing to its writes.
    triggers = results[1].map { Trigger(name: $0[0] ?? "", function: $0[1] ?? "") }
      .filter { !TriggerName.isOwn($0.name) }
    rules = results[2].compactMap { $0[0] }
    constraints = Set(results[3].compactMap { $0[0] })
  }

  /// The names in words, e.g. "triggers clear, stamp; rule keep"; empty where there are none.
  var description: String {
    func list(_ one: String, _ names: [String]) -> String? {
      names.isEmpty ? nil : "\(one)\(names.count == 1 ? "" : "s") \(names.joined(separator: ", "))"
    }
    return [list("trigger", triggers.map(\.name).unique), list("rule", rules)].compactMap(\.self)
      .joined(separator: "; ")
  }

  /// Why PostgreSQL refuses a row: the SQLSTATE and names of the catalogue's, never a word of the error's own. A
  /// function can put a row's values in any of its fields.
  func reason(of error: PostgresError) -> String {
    let code = error.sqlState.map { "SQLSTATE \($0)" } ?? "no SQLSTATE"
    let context = error.context ?? ""
    let named = triggers.filter { context.contains("\($0.function)(") || context.contains("\"\($0.function)\"") }
      .map(\.name).unique
    if !named.isEmpty { return "the trigger \(named.joined(separator: " or ")) refuses it (\(code))" }
    if let constraint = error.constraint, constraints.contains(constraint) {
      return "the constraint \(constraint) refuses it (\(code))"
    }
    return error.isRaised ? "a function refuses it (\(code))" : "PostgreSQL refuses it (\(code))"
  }
}

extension [String] {
  /// The elements without repeats, in their order.
  fileprivate var unique: [String] {
    var seen: Set<String> = []
    return filter { seen.insert($0).inserted }
  }
}
