import Postgres

/// A column of a table, as the catalogue has it.
struct PostgresColumn: Equatable, Sendable {
  /// A type without the domains around it.
  struct DataType: Equatable, Sendable {
    let schema: String
    let name: String
    /// pg_type's category: S for strings.
    let category: String

    /// Whether its text form depends on no setting but those that `PostgresSettings` pins, and on the time zone at most.
    var hasSteadyText: Bool {
      category == "S" || category == "E" || schema == "pg_catalog" && Self.steady.contains(name)
    }

    private static let steady: Set<String> = [
      "int2", "int4", "int8", "numeric", "float4", "float8", "bool", "uuid", "date", "time", "timetz", "timestamp",
      "timestamptz", "interval", "json", "jsonb", "inet", "cidr", "macaddr", "macaddr8",
    ]
  }

  let number: String
  let name: String
  let isNotNull: Bool
  let isGenerated: Bool
  /// Whether it is computed where it is read.
  let isVirtual: Bool
  let canRead: Bool
  let canWrite: Bool
  let type: DataType
  /// The type as the column declares it.
  let declared: String
  /// The type's modifier; nil where it has none.
  let modifier: Int?

  /// What a job can do that names it as its text, where it holds none: a template takes what has a steady text form.
  var adviceForText: String {
    let other = "name a column of type text or varchar"
    return type.hasSteadyText
      ? #"write text: "{\#(name)}" in the job, or \#(other)"#
      : "\(other), or write text: {sql: ...} with a cast of your own"
  }

  /// Those of the table with the object id `relation`.
  ///
  /// Each table of the catalogue is asked for itself, by values of its columns' own types: a session's first join or
  /// sort, and its first comparison of two types, read a hundred buffers each.
  static func all(of relation: String, on connection: isolated PostgresConnection) throws -> [PostgresColumn] {
    let rows = try connection.inspect(
      """
      SELECT a.attnum AS number, a.attname AS name, a.attnotnull AS not_null, a.attgenerated <> '' AS generated,
        a.attgenerated = 'v' AS virtual,
        a.atttypmod AS modifier, a.atttypid AS type, format_type(a.atttypid, a.atttypmod) AS declared,
        has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS can_read,
        has_column_privilege(a.attrelid, a.attnum, 'UPDATE') AS can_write
      FROM pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
      """, [.text(relation)])
    let types = try types(Set(rows.compactMap { $0["type"] }), on: connection)
    return rows.compactMap { row in
      guard let type = row["type"].flatMap({ types[$0] }) else { return nil }
      return PostgresColumn(
        number: row["number"] ?? "", name: row["name"] ?? "", isNotNull: row.isTrue("not_null"),
        isGenerated: row.isTrue("generated"), isVirtual: row.isTrue("virtual"), canRead: row.isTrue("can_read"),
        canWrite: row.isTrue("can_write"),
        type: type, declared: row["declared"] ?? "",
        modifier: row["modifier"].flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil })
    }
  }

  /// The types with the object ids `ids`, each by its id.
  private static func types(
    _ ids: Set<String>, on connection: isolated PostgresConnection
  ) throws -> [String: DataType] {
    var types: [String: DataType] = [:]
    var bases: [String: String] = [:]
    var wanted = ids
    while !wanted.isEmpty {
      let rows = try connection.inspect(
        """
        SELECT oid, (parse_ident(typnamespace::regnamespace::text))[1] AS schema, typname AS name, typcategory AS category,
          typtype AS kind, typbasetype AS base
        FROM pg_type WHERE oid = ANY ($1::oid[])
        """, [.text("{\(wanted.sorted().joined(separator: ","))}")])
      for row in rows {
        let id = row["oid"] ?? ""
        if row["kind"] == "d" { bases[id] = row["base"] }
        types[id] = DataType(
          schema: row["schema"] ?? "", name: row["name"] ?? "", category: row["category"] ?? "")
      }
      wanted = Set(bases.values).subtracting(types.keys)
      // One that is gone since is asked for no more.
      if rows.isEmpty { break }
    }
    for id in ids {
      var base = id
      while let next = bases[base] { base = next }
      types[id] = types[base]
    }
    return types
  }
}
