/// How much is in a file of requests, and whether one more line may be.
package struct BatchFileSize: Equatable, Sendable {
  /// What holds for the file: the provider's bounds, and what is left of the account's tokens and of the budget.
  package struct Bounds: Equatable, Sendable {
    package var file: BatchFileLimits
    /// nil for no bound.
    package var tokens: Int?
    /// Dollars; nil for no bound.
    package var cost: Double?
    /// Whether nothing is under way: then one line may have more tokens than there should be, as else nothing would go on.
    package var isFirst: Bool

    package init(file: BatchFileLimits, tokens: Int? = nil, cost: Double? = nil, isFirst: Bool = true) {
      self.file = file
      self.tokens = tokens
      self.cost = cost
      self.isFirst = isFirst
    }
  }

  package private(set) var lines = 0
  package private(set) var bytes = 0
  package private(set) var inputs = 0
  package private(set) var tokens = 0
  /// The most that it can cost, in dollars.
  package private(set) var cost = 0.0

  package init() {}

  package func admits(bytes: Int, inputs: Int, tokens: Int, cost: Double, within bounds: Bounds) -> Bool {
    guard lines < bounds.file.lines, self.bytes + bytes <= bounds.file.bytes,
      self.inputs + inputs <= bounds.file.inputs, self.cost + cost <= bounds.cost ?? .infinity
    else { return false }
    return self.tokens + tokens <= bounds.tokens ?? .max || lines == 0 && bounds.isFirst
  }

  package mutating func add(bytes: Int, inputs: Int, tokens: Int, cost: Double) {
    lines += 1
    self.bytes += bytes
    self.inputs += inputs
    self.tokens += tokens
    self.cost += cost
  }
}
