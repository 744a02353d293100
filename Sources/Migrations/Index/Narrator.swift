/// Who reports to a person what happens in a database.
package struct Narrator: Sendable {
  /// Tells a line that stays.
  package let tell: @Sendable (String) -> Void
  /// Tells a line that should not be missed.
  package let warn: @Sendable (String) -> Void
  /// Shows how far it is, in place of what was shown before; an empty text once it is over.
  package let show: @Sendable (String) -> Void

  package init(
    tell: @escaping @Sendable (String) -> Void, warn: @escaping @Sendable (String) -> Void,
    show: @escaping @Sendable (String) -> Void
  ) {
    self.tell = tell
    self.warn = warn
    self.show = show
  }
}
