/// Counts replies that no text explains: of another model, or with the vectors of other texts.
struct Disorders: Sendable {
  private var count = 0
  private var answersSince = 0

  /// The run ends at this many.
  private static let most = 4
  /// After this many good replies in a row the count begins at 0 again.
  private static let forgiving = 100

  mutating func answered() {
    guard count > 0 else { return }
    answersSince += 1
    if answersSince == Self.forgiving { self = Disorders() }
  }

  /// Counts one. Returns whether the run has to end.
  mutating func add() -> Bool {
    count += 1
    answersSince = 0
    return count >= Self.most
  }
}
