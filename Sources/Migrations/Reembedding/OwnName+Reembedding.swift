import PgVector
import Postgres

extension OwnName {
  /// The name of an index of the vector column `column` of `table` that is changed to another model: free, or this column's,
  /// in each of the forms that it takes meanwhile.
  func chosen(
    _ column: String, on table: SQLName, _ connection: isolated PostgresConnection
  ) throws -> String {
    func forms(_ name: String) -> [String] { [name] + ["_new", "_old"].map { Reembedding.beside(name, $0) } }
    let found = try OwnName.indexes(both.flatMap(forms), of: forms(column), on: table.quoted, connection)
    return chosen { name in
      let there = forms(name).compactMap { found[$0] }
      return there.isEmpty ? nil : there.allSatisfy(\.self)
    }
  }
}
