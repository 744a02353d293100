import Backfill
import Foundation

extension RowKey {
  /// The key of a UUID's text; nil where it is none.
  init?(uuid text: String) {
    guard let uuid = UUID(uuidString: text) else { return nil }
    self = .uuid(uuid)
  }
}
