/// What a run would do to a source, added up page by page.
package struct Estimate: Equatable, Sendable {
  /// Rows that lack a vector and would get one.
  package private(set) var rows = 0
  /// Rows with a blank or NULL text.
  package private(set) var excluded = 0
  package private(set) var quarantined = 0
  /// Inputs that would be sent: each distinct text of a page once.
  package private(set) var inputs = 0
  package private(set) var requests = 0

  package init() {}

  package mutating func add(_ page: PackedPage) {
    rows += page.taken
    excluded += page.excluded
    quarantined += page.condemned
    inputs += page.contents.reduce(0) { $0 + $1.inputs.count }
    requests += page.contents.count
  }
}
