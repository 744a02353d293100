/// What became of one statement of a migration that was applied; recorded, so that the way back undoes only what was done.
package enum Outcome: String, Sendable {
  case done
  /// It was so already: the application or a person had made it.
  case found
  /// Its table doesn't exist: to be done when it does.
  case absent
}
