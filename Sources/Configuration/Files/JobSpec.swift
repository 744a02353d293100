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
      .mapping(keys: ["name", "sources", "edits", "follow"] + FileSettings.keys)
    let origin = { (line: Int) in Origin.spec(file: path, line: line) }
    settings = try FileSettings.read(from: root, origin: origin)
    if let value = root["name"] {
      name = Setting(key: "name", value: .text(try value.text(.text)), origin: origin(value.line))
    } else {
      let fileName = URL(filePath: path).deletingPathExtension().lastPathComponent
      name = Setting(key: "name", value: .text(fileName), origin: .builtIn)
    }
    let edits = try root["edits"].map(Edits.init) ?? .ignore
    let follow = try root["follow"]?.text(.choice(["poll", "notify"]))
    let (sources, sourceSettings) = try Self.readSources(root.required("sources"), origin: origin) {
      value throws(Failure) in
      try Self.readSource(value, edits: edits, notifies: follow == "notify")
    }
    self.sources = sources
    let followed = root["follow"].flatMap { value in
      follow.map { Setting(key: "follow", value: .text($0), origin: origin(value.line)) }
    }
    self.sourceSettings = sourceSettings + (followed.map { [$0] } ?? [])
  }

  private static func readSources(
    _ value: YAMLValue, origin: (Int) -> Origin, read: (YAMLValue) throws(Failure) -> Source
  ) throws(Failure) -> ([Source], [Setting]) {
    let entries = try value.list(of: "sources")
    guard !entries.isEmpty else {
      throw Failure(.configuration, value.place, "sources must name at least one table")
    }
    var sources: [Source] = []
    var settings: [Setting] = []
    for entry in entries {
      let source = try read(entry)
      if let twin = sources.firstIndex(where: { $0.name == source.name && $0.vector == source.vector }) {
        throw Failure(
          .configuration, entry.place, "\(entry.path) fills the same column as sources[\(twin)]",
          remedy: "keep one of them")
      }
      sources.append(source)
      settings.append(Setting(key: entry.path, value: .text(source.summary), origin: origin(entry.line)))
    }
    return (sources, settings)
  }

  private static func readSource(
    _ value: YAMLValue, edits: Edits, notifies: Bool
  ) throws(Failure) -> Source {
    let keys = try value.mapping(keys: ["table", "schema", "key", "text", "vector", "where", "edits"])
    let table = try keys.required("table")
    var source = Source(schema: try keys["schema"]?.text(.text), table: try table.text(.text))
    if source.schema == nil, source.table.contains(".") {
      let parts = source.table.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, !parts.contains("") else {
        throw Failure(
          .configuration, table.place, "\(table.path) must be table or schema.table",
          remedy: "for a name with a dot in it, give schema: and table: apart")
      }
      source.schema = parts[0]
      source.table = parts[1]
    }
    if let key = keys["key"] { source.keys = try readKey(key) }
    if let text = keys["text"] { source.text = try readText(text) }
    if let vector = try keys["vector"]?.text(.text) { source.vector = vector }
    source.condition = try keys["where"]?.text(mayBeSecret: true)
    source.edits = try keys["edits"].map(Edits.init) ?? edits
    source.notifies = notifies
    let columns = source.text.columns ?? []
    // A template may name the key: neither is ever written.
    let isKey = if case .column(let name) = source.text { source.keys.contains(name) } else { false }
    guard !isKey, !source.keys.contains(source.vector), !columns.contains(source.vector) else {
      throw Failure(
        .configuration, value.place, "\(value.path) must have different columns as key, text and vector")
    }
    return source
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

extension Edits {
  fileprivate init(_ value: YAMLValue) throws(Failure) {
    let words = Edits.allCases.map(\.rawValue)
    self = Edits(rawValue: try value.text(.choice(words))) ?? .ignore
  }
}

extension Source {
  fileprivate var summary: String {
    let columns = "\(name) (\(key), \(text) -> \(vector))\(edits == .ignore ? "" : ", edits: \(edits)")"
    return condition.map { "\(columns) where \($0.split(whereSeparator: \.isNewline).joined(separator: " "))" }
      ?? columns
  }
}
