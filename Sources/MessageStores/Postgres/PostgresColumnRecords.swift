import Backfill
import Foundation
import PgVector
import Postgres

/// What the vectors of a table's columns are made of, as the database has recorded it: in a table `vecfill_column` in the
/// schema of the table, so that every machine and every ledger sees it.
///
/// A record goes by the table's object id and the column's number, which a rename leaves as they are. One that was made
/// in another database, and came with a dump, goes by their names.
struct PostgresColumnRecords: Sendable {
  private let filled: PostgresColumnPlace
  let column: ColumnIdentity
  /// The schema, and the table of records in it, quoted as the server does.
  private let schema: String
  private let place: String

  static let definition = OwnTable.Definition.columnRecords

  struct Reading {
    var recorded: Fingerprint?
    /// Whether it is in the schema of the table, and goes by the column's names as they are now and by its number in this
    /// database.
    var isUpToDate = false
    var warnings: [String] = []
  }

  /// - Parameter address: what names the database where the role may not read its system identifier.
  init(of filled: PostgresColumnPlace, address: String, on connection: isolated PostgresConnection) throws {
    self.filled = filled
    let names = try connection.inspect(
      "SELECT oid, quote_ident($1) FROM pg_database WHERE datname = current_database()", [.text(filled.schema)]
    ).first
    let database = names?[0] ?? ""
    schema = names?[1] ?? ""
    place = "\(schema).\(Self.definition.name)"
    var system = address
    do {
      system = try connection.inspect("SELECT system_identifier FROM pg_control_system()")[0][0] ?? address
    } catch let error as PostgresError where error.isDenied {
      // Some hosts keep the control data from their users.
    }
    column = ColumnIdentity(database: "postgresql \(system)/\(database)", column: "\(filled.table).\(filled.number)")
  }

  /// Throws a `Failure` where the record is one that only a newer version understands.
  ///
  /// A table that was moved from schema to schema may have left a record in each: the newest one counts.
  func read(on connection: isolated PostgresConnection) throws -> Reading {
    var reading = Reading()
    var newest: (rank: (Double, Double), fingerprint: String, place: String)?
    for found in try OwnTable.all(Self.definition, in: nil, on: connection) {
      guard found.isReadable, try found.isTrusted(forTable: filled.table, on: connection) else {
        if found.name == place {
          reading.warnings.append(
            "\(place) is not to be trusted or can't be read: whether \(filled.tableName) holds another model's vectors is known from the ledger alone"
          )
        }
        continue
      }
      let rows = try connection.inspect(
        """
        SELECT fingerprint, database = $1 AS is_own, extract(epoch FROM recorded_at) AS at,
          table_name = $4 AND column_name = $5 AS is_named
        FROM ONLY \(found.name)
        WHERE \(PostgresColumnPlace.isOwn)
          OR database <> $1 AND table_name = $4 AND column_name = $5 AND $6
        """, keys + [.text(found.name == place ? "true" : "false")])
      for row in rows {
        let rank = (row.isTrue("is_own") ? 1.0 : 0, row["at"].flatMap(Double.init) ?? 0)
        guard let fingerprint = row["fingerprint"], newest.map({ rank > $0.rank }) ?? true else { continue }
        newest = (rank, fingerprint, found.name)
        reading.isUpToDate = found.name == place && rank.0 == 1 && row.isTrue("is_named")
      }
    }
    guard let newest else { return reading }
    reading.recorded = try Fingerprint(
      recorded: newest.fingerprint, of: "\(filled.tableName).\(filled.columnName)", in: newest.place)
    return reading
  }

  /// What is recorded of a column of a table with the object id `table`, to be told and not to be decided by: nil also
  /// where the record is none of this version's.
  static func fingerprint(
    table: String, in schema: String, column number: String, on connection: isolated PostgresConnection
  ) throws -> Fingerprint? {
    let quoted = try connection.inspect("SELECT quote_ident($1)", [.text(schema)])[0][0] ?? ""
    guard let found = try OwnTable.all(definition, in: quoted, on: connection).first, found.isReadable,
      try found.isTrusted(forTable: table, on: connection)
    else { return nil }
    return try connection.inspect(
      """
      SELECT fingerprint FROM ONLY \(found.name) WHERE table_id = $1::oid AND column_number = $2::smallint
      ORDER BY recorded_at DESC LIMIT 1
      """, [.text(table), .text(number)]
    ).first?[0].flatMap { try? Fingerprint(recorded: $0, of: "", in: found.name) }
  }

  /// What is recorded of the same column of tables whose rows are also rows of this one, or the other way round: by the
  /// tables' names. One that only a newer version understands throws a `Failure`.
  func fingerprints(
    of relatives: [ColumnRelative], on connection: isolated PostgresConnection
  ) throws -> [String: Fingerprint] {
    guard !relatives.isEmpty else { return [:] }
    var fingerprints: [String: Fingerprint] = [:]
    for found in try OwnTable.all(Self.definition, in: nil, on: connection) where found.isReadable {
      let rows = try connection.inspect(
        """
        SELECT table_id AS id, column_number AS number, fingerprint FROM ONLY \(found.name)
        WHERE database = $1 AND table_id = ANY ($2::oid[])
        """, [.text(column.database), .text("{\(relatives.map(\.table).joined(separator: ","))}")])
      for row in rows {
        guard let relative = relatives.first(where: { $0.table == row["id"] && "\($0.number)" == row["number"] }),
          try found.isTrusted(forTable: relative.table, on: connection)
        else { continue }
        fingerprints[relative.name] = try Fingerprint(
          recorded: row["fingerprint"] ?? "", of: "\(relative.name).\(filled.columnName)", in: found.name)
      }
    }
    return fingerprints
  }

  /// What a record goes by: the parameters $1 to $5.
  private var keys: [PostgresValue] {
    filled.ownKeys(in: column.database) + [.text(filled.tableName), .text(filled.columnName)]
  }

  /// Returns why the record can't be made, in words; nil where it was made, durably.
  func record(_ fingerprint: Fingerprint, on connection: isolated PostgresConnection) throws -> String? {
    do {
      var found = try OwnTable.all(Self.definition, in: schema, on: connection)
      if found.isEmpty {
        try Self.definition.make(place, on: connection)
        found = try OwnTable.all(Self.definition, in: schema, on: connection)
      }
      guard let found = found.first, try found.isTrusted(forTable: filled.table, on: connection) else {
        return "\(place) is not vecfill's own, or not its table's owner's"
      }
      _ = try connection.query(
        """
        WITH copied AS (DELETE FROM ONLY \(place) WHERE database <> $1 AND table_name = $4 AND column_name = $5)
        INSERT INTO \(place) (database, table_id, column_number, table_name, column_name, fingerprint)
        VALUES ($1, $2::oid, $3::smallint, $4, $5, $6)
        ON CONFLICT (database, table_id, column_number) DO UPDATE SET table_name = excluded.table_name,
          column_name = excluded.column_name, fingerprint = excluded.fingerprint, recorded_at = now(),
          by = excluded.by
        """,
        keys + [.text(try fingerprint.recorded())],
        under: PostgresSettings(lockTimeout: .seconds(5)))
      return nil
    } catch let error as PostgresError where !error.endsConnection {
      return "\(place) can't be written (SQLSTATE \(error.sqlState ?? "unknown"))"
    }
  }

  /// What `renewMark` left last; nil where there is none.
  func mark(on connection: isolated PostgresConnection) throws -> String? {
    guard try isKept(on: connection) else { return nil }
    return try connection.inspect(
      "SELECT \(Self.mark) FROM ONLY \(place) WHERE \(PostgresColumnPlace.isOwn)", filled.ownKeys(in: column.database)
    ).first?[0]
  }

  /// Confirms the record as of now, so that it differs from any earlier state of it. Returns nil where it can't.
  func renewMark(on connection: isolated PostgresConnection) throws -> String? {
    guard try isKept(on: connection) else { return nil }
    do {
      return try connection.query(
        "UPDATE ONLY \(place) SET recorded_at = clock_timestamp() WHERE \(PostgresColumnPlace.isOwn) RETURNING \(Self.mark)",
        filled.ownKeys(in: column.database), under: PostgresSettings(lockTimeout: .seconds(5))
      ).first?[0]
    } catch let error as PostgresError where !error.endsConnection {
      return nil
    }
  }

  /// In microseconds, whatever form the session gives a time.
  private static let mark = "(extract(epoch FROM recorded_at) * 1000000)::bigint"

  /// Whether the table's schema has a table of records that is to be trusted.
  private func isKept(on connection: isolated PostgresConnection) throws -> Bool {
    guard let found = try OwnTable.all(Self.definition, in: schema, on: connection).first, found.isReadable else {
      return false
    }
    return try found.isTrusted(forTable: filled.table, on: connection)
  }

  func forget(on connection: isolated PostgresConnection) throws {
    for found in try OwnTable.all(Self.definition, in: nil, on: connection) where found.isReadable {
      guard try found.isTrusted(forTable: filled.table, on: connection) else { continue }
      _ = try connection.query(
        """
        DELETE FROM ONLY \(found.name) WHERE \(PostgresColumnPlace.isOwn)
          OR database <> $1 AND table_name = $4 AND column_name = $5 AND $6
        """, keys + [.text(found.name == place ? "true" : "false")],
        under: PostgresSettings(lockTimeout: .seconds(5)))
    }
  }
}
