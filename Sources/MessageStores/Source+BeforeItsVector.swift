import Backfill

extension Source {
  /// The source before its vector column is made: a condition that speaks of that can't be asked yet.
  var beforeItsVector: Source {
    guard condition?.contains(vector) == true else { return self }
    var source = self
    (source.condition, source.conditionPlace) = (nil, nil)
    return source
  }
}
