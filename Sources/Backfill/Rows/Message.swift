/// A row that lacks a vector, as it stood when its page was read.
package struct Message: Equatable, Sendable {
  package let key: RowKey
  /// The text column's value; nil where it is NULL, or bytes in a SQLite file that are no UTF-8.
  package let text: String?

  package init(key: RowKey, text: String?) {
    self.key = key
    self.text = text
  }
}
