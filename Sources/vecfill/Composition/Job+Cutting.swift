import Backfill

extension Job {
  /// How its texts are cut by their bytes, in words; nil where they are cut at the model's tokens, or not at all.
  var cutting: String? {
    guard let most = preparation.mostBytes else { return nil }
    let what = preparation.tooLong == .average ? "divided into parts of that length" : "cut there"
    return "too_long: \(preparation.tooLong.rawValue): texts of more than \(most.grouped) bytes are \(what), since the "
      + "tokens of \(model.name) can't be counted here: it takes any text of that length"
  }
}
