import Backfill
import PgVector
import Postgres

/// What a source needs whose texts are cut into pieces: a table of them, and a view that shows their texts.
extension JobMigrations {
  mutating func addPieces(of source: Source, _ chunks: Chunks, _ table: JobTable) throws {
    let home = source.home
    let own = Chunks.columns + ["is_current", "piece", source.vector]
    if let taken = source.keys.first(where: own.contains) {
      throw JobTable.refusal(
        source, "its key has a column \(taken), as the table of pieces or its view has one of its own",
        "rename that column")
    }
    let keys = source.keys.map(\.quotedIdentifier)
    let columns = zip(keys, table.keyTypes).map { "  \($0) \($1) NOT NULL," }.joined(separator: "\n")
    let key = keys.joined(separator: ", ")
    let name = home.tableName.quoted
    let vector = "\(table.pgvector?.qualified("vector") ?? "vector")(\(job.model.dimensions))"
    let words = [home.schema, home.table].compactMap(\.self).joined(separator: " ")
    try add(
      IndexName.plain(words),
      up: """
        CREATE TABLE \(name) (
        \(columns)
          number integer NOT NULL,
          start integer NOT NULL,
          "end" integer NOT NULL,
          digest bytea NOT NULL,
          \(source.vector.quotedIdentifier) \(vector) NOT NULL,
          PRIMARY KEY (\(key), number),
          FOREIGN KEY (\(key)) REFERENCES \(source.tableName.quoted) (\(key)) ON UPDATE CASCADE ON DELETE CASCADE
        )
        """,
      down: "DROP TABLE \(name)")
    let view = SQLName(schema: home.schema, "\(home.table)_rows")
    let shown = keys.map { "p.\($0), " }.joined()
    let isOfRow = keys.map { "\($0) = p.\($0)" }.joined(separator: " AND ")
    // Inside of the subquery the names of the text's columns are the row's own.
    try add(
      IndexName.plain("\(words) rows"),
      up: """
        CREATE VIEW \(view.quoted) AS
        SELECT \(shown)p.number, p.start, p."end", r.is_current,
          CASE WHEN r.is_current THEN pg_catalog.substr(r.text, p.start + 1, p."end" - p.start) END AS piece,
          p.\(source.vector.quotedIdentifier)
        FROM \(name) p CROSS JOIN LATERAL (
          SELECT \(source.text.postgres(zoned: table.zonedTexts)) AS text,
            pg_catalog.sha256(pg_catalog.convert_to(\(source.text.postgres(zoned: table.zonedTexts)), 'UTF8')) = p.digest AS is_current
          FROM \(source.tableName.quoted) WHERE \(isOfRow)
        ) r
        """,
      down: "DROP VIEW \(view.quoted)")
    try addNotifyTrigger(of: source, table)
    notes.append(
      job.indexPolicy == .after
        ? "\(home.name).\(source.vector): its vector index is made by the run that fills it"
        : "\(home.name).\(source.vector) has no vector index: `index: {when: after}` in the job makes one when it is filled"
    )
  }
}
