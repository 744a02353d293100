/// What a statement does to the schema, where it is one that can be looked up in the catalogue and so told as done.
package enum SchemaChange: Hashable, Sendable {
  case addColumn(ColumnDefinition)
  case dropColumn(table: SQLName, column: String)
  case createIndex(IndexDefinition)
  case dropIndex(SQLName)
  case createExtension(String)
  case dropExtension(String)

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

    /// The names in the definition, its columns' among them.
    var names: [String] { SQLLexer.leadingTokens(of: body, .postgres).compactMap(\.identifier) }
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
  }

  package var object: Object {
    switch self {
    case .addColumn(let column): .column(table: column.table, column: column.column)
    case .dropColumn(let table, let column): .column(table: table, column: column)
    case .createIndex(let index): .index(SQLName(schema: index.table.schema, index.name.name))
    case .dropIndex(let name): .index(name)
    case .createExtension(let name), .dropExtension(let name): .extension(name)
    }
  }

  /// The table that the change needs; nil where it needs none, or none any more.
  package var table: SQLName? {
    switch self {
    case .addColumn(let column): column.table
    case .createIndex(let index): index.table
    case .dropColumn, .dropIndex, .createExtension, .dropExtension: nil
    }
  }
}

extension SchemaChange.Object: CustomStringConvertible {
  package var description: String {
    switch self {
    case .column(let table, let column): "column \(table).\(column)"
    case .index(let name): "index \(name.name)"
    case .extension(let name): "extension \(name)"
    }
  }
}
