/// How a schema change stands in the live database.
package enum Presence: Hashable, Sendable {
  /// What it makes is not there.
  case absent
  /// What it makes is there; `note` says what differs without harm, such as an equal index's other name.
  case present(note: String? = nil)
  /// The index is there but a build of it died: it is maintained and never used.
  case invalid
  /// Something else is in its place, which `description` says.
  case different(String)
  /// The table that it changes doesn't exist.
  case noTable
}
