import Backfill
import Yams

extension JobSpec {
  /// Reads one entry of `sources`; `edits` and `notifies` are what the job says for all.
  static func readSource(_ value: YAMLValue, edits: (Edits, isApart: Bool), notifies: Bool) throws(Failure) -> Source {
    let keys = try value.mapping(keys: [
      "table", "schema", "write_to", "key", "text", "vector", "where", "since", "order", "edits", "chunks",
    ])
    let schema = try keys["schema"]?.text(.text)
    let read = try readName(keys.required("table"), schema: schema)
    var source = Source(schema: read.schema, table: read.table)
    if let written = keys["write_to"] {
      let table = try readName(written, schema: schema)
      guard table != read else {
        throw Failure(
          .configuration, written.place, "\(written.path) names what table: names",
          remedy: "leave it out; it is for a table whose rows are read by a view")
      }
      source = Source(schema: table.schema, table: table.table, view: read)
    }
    if let key = keys["key"] { source.keys = try readKey(key) }
    if let text = keys["text"] { source.text = try readText(text) }
    if let vector = try keys["vector"]?.text(.text) { source.vector = vector }
    source.condition = try keys["where"]?.text(mayBeSecret: true)
    source.conditionPlace = keys["where"]?.place
    if let since = keys["since"] {
      source.since = try readSince(since)
      source.sincePlace = since.place
    }
    if let order = keys["order"] {
      source.newestBy = try readNewestBy(order)
      source.order =
        try source.newestBy == nil
        ? RowOrder(rawValue: order.text(.choice(RowOrder.allCases.map(\.rawValue)))) ?? .oldest : .newest
    }
    (source.edits, source.keepsDigestsApart) = try keys["edits"].map(readEdits) ?? edits
    source.notifies = notifies
    if let chunks = keys["chunks"] { source.chunks = try readChunks(chunks) }
    if source.view != nil, source.edits != .ignore {
      throw Failure(
        .configuration, keys["edits"]?.place ?? value.place,
        "\(value.path) reads a view, and edits: \(source.edits) watches a table's own columns",
        remedy: "set edits: ignore for it, or name the table and its text with text:")
    }
    guard !source.keepsDigestsApart || !source.keys.contains("digest") else {
      throw Failure(
        .configuration, keys["edits"]?.place ?? value.place,
        "\(value.path) has a key named digest, as a column of the digests' table is", remedy: "say edits: digest")
    }
    let columns = source.text.columns ?? []
    // A template may name the key: neither is ever written.
    let isKey = if case .column(let name) = source.text { source.keys.contains(name) } else { false }
    guard !isKey, !source.keys.contains(source.vector), !columns.contains(source.vector) else {
      throw Failure(
        .configuration, value.place, "\(value.path) must have different columns as key, text and vector")
    }
    if source.newestBy != nil, source.view != nil || source.chunks != nil {
      throw Failure(
        .configuration, keys["order"]?.place ?? value.place,
        "\(value.path) reads a view or cuts its texts, and its rows come by their key alone",
        remedy: "write order: newest, or order: oldest")
    }
    try checkPieces(source, value)
    return source
  }

  /// "table" or "schema.table"; with a schema of its own, a dot is part of the name.
  static func readName(_ value: YAMLValue, schema: String?) throws(Failure) -> TableName {
    let name = try value.text(.text)
    guard schema == nil, name.contains(".") else { return TableName(schema: schema, name) }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts.contains("") else {
      throw Failure(
        .configuration, value.place, "\(value.path) must be table or schema.table",
        remedy: "for a name with a dot in it, give schema: and table: apart")
    }
    return TableName(schema: parts[0], parts[1])
  }

  /// The column of `{newest: created_at}`; nil for what is no mapping.
  private static func readNewestBy(_ value: YAMLValue) throws(Failure) -> String? {
    guard value.isMapping else { return nil }
    return try value.mapping(keys: ["newest"]).required("newest").text(.text)
  }

  /// A column and the value from which on rows are taken.
  private static func readSince(_ value: YAMLValue) throws(Failure) -> Since {
    guard let mapping = value.node.mapping, mapping.count == 1, let (key, node) = mapping.first,
      let column = key.scalar?.string, !column.isEmpty
    else { throw value.refusal("one column and a value, as in {created_at: 2026-01-01}") }
    let from = YAMLValue(node: node, file: value.file, path: "\(value.path).\(column)")
    guard let text = from.node.scalar?.string, text.wholeMatch(of: /[0-9A-Za-z:.+\- ]+/) != nil, !from.isNull else {
      throw from.refusal("a date, a time or a number")
    }
    return Since(column: column, value: text)
  }

  /// A column, a list of columns, a template or an SQL expression.
  private static func readText(_ value: YAMLValue) throws(Failure) -> SourceText {
    if value.isMapping {
      // What YAML makes of a template without quotes: keys that have no values.
      let isTemplate = value.node.mapping?.allSatisfy { key, node in
        key.scalar?.string != "sql" && YAMLValue(node: node, file: value.file, path: value.path).isNull
      }
      guard isTemplate == false else {
        throw value.refusal("a column, a template or {sql: ...}", remedy: YAMLFile.quoteTemplate)
      }
      return .sql(try value.mapping(keys: ["sql"]).required("sql").text(mayBeSecret: true))
    }
    if value.isList { return .columns(try readColumns(value)) }
    let text = try value.text()
    guard text.contains(where: { $0 == "{" || $0 == "}" }) else { return .column(try value.text(.text)) }
    do {
      return SourceText(try TextTemplate(parsing: text))
    } catch {
      throw Failure(
        .configuration, value.place, "\(value.path): the template \(error.reason)",
        remedy: "write {column} for a column, and {{ or }} for a brace of the text")
    }
  }

  /// A column, or a list of the columns of which the key is made.
  private static func readKey(_ value: YAMLValue) throws(Failure) -> [String] {
    value.isList ? try readColumns(value) : [try value.text(.text)]
  }

  private static func readColumns(_ value: YAMLValue) throws(Failure) -> [String] {
    var columns: [String] = []
    for column in try value.list(of: "columns") {
      let name = try column.text(.text)
      guard !columns.contains(name) else {
        throw Failure(.configuration, column.place, "\(value.path) names \(name) twice", remedy: "keep one of them")
      }
      columns.append(name)
    }
    guard !columns.isEmpty else {
      throw Failure(.configuration, value.place, "\(value.path) must name at least one column")
    }
    return columns
  }
}
