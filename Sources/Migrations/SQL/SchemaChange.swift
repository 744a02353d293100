import PgVector
import Postgres

/// What a statement does to the schema, where it is one that can be looked up in the catalogue and so told as done.
package enum SchemaChange: Hashable, Sendable {
  case addColumn(ColumnDefinition)
  case dropColumn(table: SQLName, column: String)
  case createIndex(IndexDefinition)
  case dropIndex(SQLName)
  case createExtension(String)
  case dropExtension(String)
  /// Of triggers and functions only vecfill's own are looked up: a function of another name may be one of several.
  case createFunction(FunctionDefinition)
  case dropFunction(SQLName)
  case createTrigger(TriggerDefinition)
  case dropTrigger(SQLName, table: SQLName?)

  /// A column as ALTER TABLE adds it.
  package struct ColumnDefinition: Hashable, Sendable {
    package var table: SQLName
    package var column: String
    /// Everything behind the column's name: its type and its constraints.
    package var definition: String
  }

  /// An index as CREATE INDEX makes it.
  package struct IndexDefinition: Hashable, Sendable {
    package var name: SQLName
    package var table: SQLName
    package var isUnique: Bool
    package var isConcurrent: Bool
    /// Everything behind the table's name.
    package var body: String
    /// Whether it is that of a partitioned table alone, without its partitions'.
    package var isOnly = false

    /// Whether it is one that vecfill makes to find the rows without a vector.
    package var isOfMissingRows: Bool {
      name.name.hasPrefix("idx_")
        && [IndexName.Suffix.missing, MissingVector.suffix].contains { name.name.hasSuffix("_\($0)") }
    }

    /// The names in the definition, its columns' among them.
    var names: [String] { SQLLexer.leadingTokens(of: body, .postgres).compactMap(\.identifier) }
  }

  /// A trigger's function as CREATE FUNCTION makes it, without parameters.
  package struct FunctionDefinition: Hashable, Sendable {
    package var name: SQLName
    /// What stands between its quotes.
    package var body: String
  }

  /// A trigger as CREATE TRIGGER makes it.
  package struct TriggerDefinition: Hashable, Sendable {
    package var name: String
    package var table: SQLName
    /// What stands between its name and ON.
    package var event: String
    /// Everything behind the table's name.
    package var body: String
  }

  /// The change of a statement; nil for any other statement, which is always run.
  package init?(_ statement: SQLStatement) {
    var reader = TokenReader(statement)
    switch true {
    case statement.begins("alter", "table"): self.init(alterTable: &reader)
    case statement.begins("create"): self.init(create: &reader)
    case statement.begins("drop"): self.init(drop: &reader)
    default: return nil
    }
  }

  private init?(alterTable reader: inout TokenReader) {
    reader.skip("alter", "table")
    reader.skip("if", "exists")
    reader.skip("only")
    // More actions than one in a statement are run as they stand.
    guard let table = reader.name(), !reader.hasTopLevelComma else { return nil }
    if reader.skip("add") {
      guard !reader.isAtWord(in: ["constraint", "primary", "unique", "check", "foreign", "exclude"]) else { return nil }
      reader.skip("column")
      reader.skip("if", "not", "exists")
      guard let column = reader.identifier() else { return nil }
      self = .addColumn(ColumnDefinition(table: table, column: column, definition: reader.rest))
    } else if reader.skip("drop") {
      guard !reader.isAtWord(in: ["constraint"]) else { return nil }
      reader.skip("column")
      reader.skip("if", "exists")
      guard let column = reader.identifier(), reader.isAtEnd else { return nil }
      self = .dropColumn(table: table, column: column)
    } else {
      return nil
    }
  }

  private init?(create reader: inout TokenReader) {
    reader.skip("create")
    if reader.skip("extension") {
      reader.skip("if", "not", "exists")
      guard let name = reader.identifier() else { return nil }
      self = .createExtension(name)
      return
    }
    if reader.skip("trigger") {
      self.init(createTrigger: &reader)
      return
    }
    if reader.skip("or", "replace", "function") {
      guard let name = reader.name(), TriggerName.isOwn(name.name), let body = reader.lastDollarQuoted else {
        return nil
      }
      self = .createFunction(FunctionDefinition(name: name, body: body))
      return
    }
    let isUnique = reader.skip("unique")
    guard reader.skip("index") else { return nil }
    let isConcurrent = reader.skip("concurrently")
    reader.skip("if", "not", "exists")
    guard !reader.isAtWord(in: ["on"]), let name = reader.name(), reader.skip("on") else { return nil }
    let isOnly = reader.skip("only")
    guard let table = reader.name() else { return nil }
    self = .createIndex(
      IndexDefinition(
        name: name, table: table, isUnique: isUnique, isConcurrent: isConcurrent, body: reader.rest,
        isOnly: isOnly))
  }

  private init?(createTrigger reader: inout TokenReader) {
    guard let name = reader.identifier(), TriggerName.isOwn(name) else { return nil }
    let event = reader.words(until: "on")
    guard reader.skip("on"), let table = reader.name() else { return nil }
    self = .createTrigger(TriggerDefinition(name: name, table: table, event: event, body: reader.rest))
  }

  private init?(drop reader: inout TokenReader) {
    reader.skip("drop")
    if reader.skip("extension") {
      reader.skip("if", "exists")
      guard let name = reader.identifier(), reader.isAtEnd else { return nil }
      self = .dropExtension(name)
    } else if reader.skip("index") {
      reader.skip("concurrently")
      reader.skip("if", "exists")
      guard let name = reader.name(), reader.isAtEnd else { return nil }
      self = .dropIndex(name)
    } else if reader.skip("trigger") {
      guard let name = reader.identifier(), TriggerName.isOwn(name) else { return nil }
      let table = reader.skip("on") ? reader.name() : nil
      self = .dropTrigger(SQLName(schema: table?.schema, name), table: table)
    } else if reader.skip("function") {
      guard let name = reader.name(), TriggerName.isOwn(name.name) else { return nil }
      self = .dropFunction(name)
    } else {
      return nil
    }
  }
}

extension SchemaChange {
  /// What the change makes or removes: a change and the one that undoes it have the same.
  package enum Object: Hashable, Sendable {
    case column(table: SQLName, column: String)
    /// An index goes by its name, which is its own in its table's schema.
    case index(SQLName)
    case `extension`(String)
    case function(SQLName)
    /// A trigger goes by its name and its table's schema, as vecfill's own names tell the table.
    case trigger(SQLName)
  }

  package var object: Object {
    switch self {
    case .addColumn(let column): .column(table: column.table, column: column.column)
    case .dropColumn(let table, let column): .column(table: table, column: column)
    case .createIndex(let index): .index(SQLName(schema: index.table.schema, index.name.name))
    case .dropIndex(let name): .index(name)
    case .createExtension(let name), .dropExtension(let name): .extension(name)
    case .createFunction(let function): .function(function.name)
    case .dropFunction(let name): .function(name)
    case .createTrigger(let trigger): .trigger(SQLName(schema: trigger.table.schema, trigger.name))
    case .dropTrigger(let name, _): .trigger(name)
    }
  }

  /// What removes the thing of the same name that stands in the way of making it again; nil where nothing has to.
  func removal(in dialect: Dialect) -> String? {
    switch self {
    case .createIndex(let index):
      "DROP INDEX \(SQLName(schema: index.table.schema, index.name.name).quoted)"
    case .createTrigger(let trigger):
      "DROP TRIGGER \(trigger.name.quotedIdentifier)" + (dialect == .postgres ? " ON \(trigger.table.quoted)" : "")
    default: nil
    }
  }

  /// The table that the change needs; nil where it needs none, or none any more.
  package var table: SQLName? {
    switch self {
    case .addColumn(let column): column.table
    case .createIndex(let index): index.table
    case .createTrigger(let trigger): trigger.table
    case .dropColumn, .dropIndex, .createExtension, .dropExtension, .createFunction, .dropFunction, .dropTrigger: nil
    }
  }
}

extension SchemaChange.Object: CustomStringConvertible {
  package var description: String {
    switch self {
    case .column(let table, let column): "column \(table).\(column)"
    case .index(let name): "index \(name.name)"
    case .extension(let name): "extension \(name)"
    case .function(let name): "function \(name)"
    case .trigger(let name): "trigger \(name.name)"
    }
  }
}
