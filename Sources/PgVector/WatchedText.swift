import Backfill
import Postgres

/// The text of a row as the trigger on edits computes it: from the row's columns alone.
extension Source {
  /// `expression` over the columns of the record `row`, under the table's name.
  package func computed(_ expression: String, of row: String) -> String {
    "(SELECT \(expression) FROM (SELECT \(row).*) AS \(table.quotedIdentifier))"
  }

  /// Why the trigger can't compute the text, which is an SQL expression; nil where it can, as far as the statement shows.
  ///
  /// A row in a trigger has no system column, and its table's name no schema. No row is read, and no right is needed.
  /// `relation` is the table's name with its schema, quoted.
  package func obstacleToWatching(_ relation: String, on connection: isolated PostgresConnection) throws -> String? {
    guard case .sql = text else { return nil }
    do {
      _ = try connection.query(
        """
        SELECT \(text.postgres()) FROM (SELECT (NULL::\(relation)).*) AS \(table.quotedIdentifier) LIMIT 0
        """)
      return nil
    } catch let error as PostgresError where error.hasPosition && !error.isRaised {
      return "\(error.reason) (SQLSTATE \(error.sqlState ?? ""))"
    } catch let error as PostgresError where !error.endsConnection {
      // It is no fault of the statement's.
      return nil
    }
  }
}
