/// Where a reply has its vectors and what it says beside them.
struct ReplyShape: Equatable, Sendable {
  /// The names that lead from the document to the list of vectors, in each step any of these; none where the document is
  /// the list itself.
  let list: [[String]]
  /// The member of an item that is its vector; nil where the item is the vector.
  var vector: String?
  /// The member of an item that says which text it is of; nil where order and count alone are the proof.
  var index: String?
  /// The document's member that names the model.
  var model: String?
  /// The names that lead to the billed tokens; the first that is there counts.
  var usage: [[String]] = []
  /// The header with the billed tokens.
  var usageHeader: String?

  func isList(_ path: [String]) -> Bool { path.count == list.count && zip(list, path).allSatisfy { $0.contains($1) } }

  /// Whether something that counts may stand in an object at `path`.
  func leads(on path: [String]) -> Bool {
    path.count < list.count && zip(list, path).allSatisfy { $0.contains($1) }
      || usage.contains { $0.count > path.count && $0.starts(with: path) }
  }
}
