import Backfill
import Postgres

/// A view that a job reads, found in the catalogue.
struct PostgresView: Sendable {
  let name: TableName
  let columns: [PostgresColumn]

  /// The view of `source`; throws a `Failure` with `.configuration` where it doesn't show the rows of the table by its key
  /// and with its vector.
  ///
  /// - Parameters:
  ///   - relation: the table's object id.
  ///   - needed: the table's columns that the view has to show: the key's and the vector's.
  init(
    _ view: TableName, of source: Source, relation: String, needed: [PostgresColumn],
    on connection: isolated PostgresConnection
  ) throws {
    func refusal(_ reason: String, _ remedy: String, column: String? = nil) -> Failure {
      Failure(.configuration, column.map { "\(view).\($0)" } ?? view.description, reason, remedy: remedy)
    }
    let quoted = view.quotedName
    let found = try connection.inspect(
      """
      SELECT c.oid, (parse_ident(c.relnamespace::regnamespace::text))[1] AS schema, c.relkind AS kind
      FROM pg_class c WHERE c.oid = to_regclass($1)::oid
      """, [.text(quoted)]
    ).first
    guard let found else {
      throw refusal("there is no such view", "check its name, its schema and the search path, and DATABASE_URL")
    }
    guard found["kind"] != "m" else {
      throw refusal("it shows what was there when it was refreshed", "name a view that is not materialized")
    }
    guard found["kind"] == "v" else {
      throw refusal("it is no view, and write_to is for a view", "leave write_to out of the job")
    }
    let id = found["oid"] ?? ""
    name = TableName(schema: found["schema"], view.table)
    columns = try PostgresColumn.all(of: id, on: connection)
    let origins = try Self.origins(of: id, in: relation, on: connection)
    for column in needed {
      guard let shown = columns.first(where: { $0.name == column.name }) else {
        throw refusal(
          "the view doesn't show this column of \(source.name)",
          "add it to the view: it must show the key and the vector by their own names", column: column.name)
      }
      guard shown.type == column.type, origins.contains(column.number) else {
        throw refusal(
          "it isn't the column of \(source.name)",
          "let the view show that column itself, or name the table in write_to that it is of", column: column.name)
      }
    }
  }

  /// The numbers of the table's columns that the view reads, by itself or by other views.
  private static func origins(
    of view: String, in relation: String, on connection: isolated PostgresConnection
  ) throws -> Set<String> {
    let read = """
      SELECT d.refobjid AS relation, d.refobjsubid AS number FROM pg_rewrite r
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
      """
    let rows = try connection.inspect(
      """
      WITH RECURSIVE read AS (
        \(read) WHERE r.ev_class = $1::oid UNION \(read) JOIN read f ON r.ev_class = f.relation
      )
      SELECT number FROM read WHERE relation = $2::oid
      """, [.text(view), .text(relation)])
    return Set(rows.compactMap { $0[0] })
  }
}
