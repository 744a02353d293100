import Backfill
import Postgres

extension TableName {
  /// As SQL names it: "\"schema\".\"table\"", or "\"table\"" where the search path finds it.
  var quotedName: String { (schema.map { "\($0.quotedIdentifier)." } ?? "") + table.quotedIdentifier }
}

extension Source {
  /// The table's name as SQL has it.
  var quotedName: String { TableName(schema: schema, table).quotedName }
}
