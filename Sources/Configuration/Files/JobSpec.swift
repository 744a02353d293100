import Backfill
import Foundation

/// A job spec as it was read: strict, and without what the other layers say.
struct JobSpec {
  let name: Setting
  let sources: [Source]
  /// The sources as `vecfill config` shows them.
  let sourceSettings: [Setting]
  let settings: [Parameter: Setting]

  /// Throws a `Failure` that names the file, the place and the key for anything that is not allowed.
  init(path: String, in process: ProcessContext) throws(Failure) {
    let remedy = "give the path of a job spec, e.g. jobs/backfill-embeddings.yaml"
    let root = try YAMLFile.read(process.absolute(path), shown: path, remedy: remedy)
      .mapping(keys: ["name", "sources"] + FileSettings.keys)
    let origin = { (line: Int) in Origin.spec(file: path, line: line) }
    settings = try FileSettings.read(from: root, origin: origin)
    if let value = root["name"] {
      name = Setting(key: "name", value: .text(try value.text(.text)), origin: origin(value.line))
    } else {
      let fileName = URL(filePath: path).deletingPathExtension().lastPathComponent
      name = Setting(key: "name", value: .text(fileName), origin: .builtIn)
    }
    (sources, sourceSettings) = try Self.readSources(root.required("sources"), origin: origin)
  }

  private static func readSources(
    _ value: YAMLValue, origin: (Int) -> Origin
  ) throws(Failure) -> ([Source], [Setting]) {
    let entries = try value.list(of: "sources")
    guard !entries.isEmpty else {
      throw Failure(.configuration, value.place, "sources must name at least one table")
    }
    var sources: [Source] = []
    var settings: [Setting] = []
    for entry in entries {
      let source = try readSource(entry)
      if let twin = sources.firstIndex(where: { $0.home.name == source.home.name && $0.vector == source.vector }) {
        throw Failure(
          .configuration, entry.place, "\(entry.path) fills the same column as sources[\(twin)]",
          remedy: "keep one of them")
      }
      sources.append(source)
      settings.append(Setting(key: entry.path, value: .text(source.summary), origin: origin(entry.line)))
    }
    return (sources, settings)
  }

  private static func readSource(_ value: YAMLValue) throws(Failure) -> Source {
    let keys = try value.mapping(keys: ["table", "schema", "key", "text", "vector", "where", "chunks"])
    let table = try keys.required("table")
    let (schema, name) = try readTable(table, in: keys["schema"])
    var source = Source(schema: schema, table: name)
    if let key = keys["key"] { source.keys = try readKey(key) }
    if let text = keys["text"] { source.text = try readText(text) }
    if let vector = try keys["vector"]?.text(.text) { source.vector = vector }
    source.condition = try keys["where"]?.text(mayBeSecret: true)
    if let chunks = keys["chunks"] { source.chunks = try readChunks(chunks) }
    let columns = source.text.columns ?? []
    // A template may name the key: neither is ever written.
    let isKey = if case .column(let name) = source.text { source.keys.contains(name) } else { false }
    guard !isKey, !source.keys.contains(source.vector), !columns.contains(source.vector) else {
      throw Failure(
        .configuration, value.place, "\(value.path) must have different columns as key, text and vector")
    }
    try checkPieces(source, value)
    return source
  }

  private static func readTable(
    _ value: YAMLValue, in schema: YAMLValue?
  ) throws(Failure) -> (schema: String?, table: String) {
    let (schema, name) = (try schema?.text(.text), try value.text(.text))
    guard schema == nil, name.contains(".") else { return (schema, name) }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts.contains("") else {
      throw Failure(
        .configuration, value.place, "\(value.path) must be table or schema.table",
        remedy: "for a name with a dot in it, give schema: and table: apart")
    }
    return (parts[0], parts[1])
  }

  /// The table of the pieces of a source's texts, and how they are cut.
  private static func readChunks(_ value: YAMLValue) throws(Failure) -> Chunks {
    let keys = try value.mapping(keys: ["table", "schema", "tokens", "overlap"])
    let table = try keys.required("table")
    let (schema, name) = try readTable(table, in: keys["schema"])
    let standard = Cutting()
    let tokens = try keys["tokens"]?.integer(Cutting.leastTokens...100_000) ?? standard.tokens
    let overlap = try keys["overlap"]?.integer(0...tokens / 2) ?? min(standard.overlap, tokens / 2)
    return Chunks(schema: schema, table: name, cutting: Cutting(tokens: tokens, overlap: overlap))
  }

  /// The columns of the pieces' table have names of their own.
  private static func checkPieces(_ source: Source, _ value: YAMLValue) throws(Failure) {
    guard source.chunks != nil else { return }
    guard source.home.name != source.name else {
      throw Failure(
        .configuration, value.place, "\(value.path).chunks.table must be another table than the source's own")
    }
    for name in source.keys + [source.vector] where Chunks.columns.contains(name) {
      throw Failure(
        .configuration, value.place,
        "\(value.path) can't have chunks with a column named \(name), since the pieces' table has one of that name",
        remedy: "name another vector column, or rename the key's")
    }
  }

  /// A column, a list of columns, a template or an SQL expression.
  private static func readText(_ value: YAMLValue) throws(Failure) -> SourceText {
    if value.isMapping {
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

extension Source {
  fileprivate var summary: String {
    let target = chunks.map {
      "\(home.name).\(vector), \($0.cutting.tokens) tokens, \($0.cutting.overlap) repeated"
    }
    let columns = "\(name) (\(key), \(text) -> \(target ?? vector))"
    return condition.map { "\(columns) where \($0.split(whereSeparator: \.isNewline).joined(separator: " "))" }
      ?? columns
  }
}
