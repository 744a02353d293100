/// How whoever writes vectors to PostgreSQL says which model they are of.
package enum VectorWriter {
  /// The setting of a session or a transaction. While a column is changed to another model, vectors of a model that the
  /// column isn't of are kept out by it.
  package static let setting = "vecfill.model"
}
