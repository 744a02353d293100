/// Replies that show, whatever their texts are, that the provider can't be trusted: of another model, or with the vectors of
/// other texts.
struct Disorders: Sendable {
  private var count = 0
  private var answersSince = 0

  /// So many end a run.
  private static let most = 4
  /// So many answers in a row make up for all.
  private static let forgiving = 100

  mutating func answered() {
    guard count > 0 else { return }
    answersSince += 1
    if answersSince == Self.forgiving { self = Disorders() }
  }

  /// Counts one; true where it ends the run.
  mutating func add() -> Bool {
    count += 1
    answersSince = 0
    return count >= Self.most
  }
}
