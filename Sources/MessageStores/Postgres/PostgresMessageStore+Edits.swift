import Backfill
import PgVector
import Postgres

/// Searches for rows whose text was edited.
extension PostgresMessageStore {
  package func beginEditSearch(of source: Source, after earlier: SearchedEdits?) async throws {
    var table = try await table(of: source)
    if let edits = table.edits {
      // What makes the marks may have changed since the last round.
      let keys = table.key.columns.map(\.name)
      table.edits = try await read(source) { [oid = table.oid] connection in
        var edits = edits
        try edits.lookAtMarks(of: source, in: oid, keys: keys, on: connection)
        return edits
      }
      tables[source] = table
    }
    searches[source] = nil
    guard let edits = table.edits, !edits.areMarked, let scope = edits.scope else { return }
    searches[source] = try await records(at: table.place, of: source) {
      try PostgresEditSearch(after: earlier, scope: scope, $0, on: $1)
    }
  }

  package func endEditSearch(of source: Source) async throws -> SearchedEdits? {
    let table = try await table(of: source)
    guard let edits = table.edits, !edits.areMarked else { return nil }
    if let apart = edits.apart { try await read(source) { try apart.tidy(table, on: $0) } }
    if let marks = edits.marks {
      // These are the marks of when it began: were they changed meanwhile, it proves nothing.
      let isKept = try await read(source) { connection in
        do {
          return try EditProof(marks: marks, of: source).keep(of: source, in: table.oid, on: connection)
        } catch let error as PostgresError where !error.endsConnection {
          // The role may not: the next run searches again, and finds the same rows.
          return false
        }
      }
      tables[source]?.edits?.areMarked = isKept
    }
    guard let scope = edits.scope, let search = searches[source] else { return nil }
    let ended = try await records(at: table.place, of: source) { try search.end(scope: scope, $0, on: $1) }
    if let ended { searches[source] = ended.next }
    return ended?.searched
  }

  package func emptyVectors(of keys: [RowKey], in source: Source) async throws {
    let table = try await table(of: source)
    guard !keys.isEmpty, let statement = table.emptying else { return }
    let settings = table.settings(lockTimeout: lockTimeout)
    let connection = others.borrow()
    defer { others.giveBack(connection) }
    try await attempt(on: connection, for: source) { connection, _ in
      do {
        _ = try connection.query(statement, table.key.arrays(keys), under: settings)
      } catch let error as PostgresError where !error.endsConnection {
        // A row that the application holds or a trigger of its keeps: the next search finds it again.
      }
    }
  }
}

extension EditProof {
  /// Forgets it where the role may: a run without digests can't keep it true.
  static func forget(of table: PostgresTable, on connection: isolated PostgresConnection) throws {
    do {
      try forget(of: table.source, in: table.oid, on: connection)
    } catch let error as PostgresError where !error.endsConnection {
      // It proves what was searched all the same.
    }
  }
}

extension PostgresTable {
  /// Empties the vectors of the rows of the keys from $1 on that are of another text than the row has; nil where nobody
  /// knows. Rows that another transaction holds are left.
  fileprivate var emptying: String? {
    guard let edits, view == nil else { return nil }
    let parameters = key.columns.indices.map { "$\($0 + 1)::pg_catalog.text[]" }.joined(separator: ", ")
    let isRow = key.equality { "vecfill_k\($0)" }
    let update = """
      UPDATE \(name) SET \(vector) = NULL\(edits.apart == nil ? ", \(edits.digest) = NULL" : "")
      FROM (SELECT \(key.aliases) FROM unnest(\(parameters)) AS vecfill_blank(\(key.aliases))
        JOIN \(name) ON \(isRow) FOR NO KEY UPDATE OF \(identifier) SKIP LOCKED) AS vecfill_free
      WHERE \(isRow) AND \(vector) IS NOT NULL AND \(condition) AND \(edits.isOfAnother(digest))
      """
    guard let apart = edits.apart else { return update }
    let returned = key.columns.map { "\(identifier).\($0.identifier)" }.joined(separator: ", ")
    return """
      WITH vecfill_emptied AS (\(update) RETURNING \(returned))
      DELETE FROM \(apart.name) AS vecfill_kept USING vecfill_emptied
      WHERE \(key.equality(of: "vecfill_kept", and: "vecfill_emptied"))
      """
  }
}
