/// A vector index that has to be restored, as the database records it.
package struct IndexIntent: Equatable, Sendable {
  /// The table of intents that it is in, quoted.
  package let place: String
  /// The table that the index is of with its schema, quoted.
  package let table: String
  package let name: String
  /// As it was recorded; nothing may be run before it is checked.
  package let definition: String
  package let tablespace: String
  package let comment: String?
  /// The process that recorded it.
  package let author: String
}

extension IndexIntent {
  /// Whether it is a partition's part of an index, which comes back with the whole.
  package var isPart: Bool { definition.contains(" ATTACH PARTITION ") }
}

extension IndexIntent: CustomStringConvertible {
  package var description: String {
    "index \(name) of \(table) is not back since \(author) loaded: run the job to its end, or `vecfill migrate restore`"
  }
}
