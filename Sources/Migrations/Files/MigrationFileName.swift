import Backfill

/// A migration's file name, taken apart.
struct MigrationFileName {
  let file: String
  let version: Int
  let name: String
  let dialect: Dialect?
  let part: Part

  /// What a file of a migration holds.
  enum Part: String {
    case up, down
    /// What puts a database right that ran a migration which is no more.
    case withdrawn
  }

  init(parsing file: String) throws(Failure) {
    guard
      let match = file.wholeMatch(of: #/(\d{1,18})_([a-z0-9_]+)(?:\.(postgres|sqlite))?\.(up|down|withdrawn)\.sql/#),
      let version = Int(match.1), version > 0, let part = Part(rawValue: String(match.4))
    else {
      throw Failure(
        .configuration, file, "it is not named as a migration is",
        remedy:
          "name it NUMBER_words.up.sql, .down.sql or .withdrawn.sql, with .postgres or .sqlite before that for one dialect"
      )
    }
    self.file = file
    self.version = version
    name = String(match.2)
    dialect = match.3.flatMap { Dialect(rawValue: String($0)) }
    self.part = part
  }
}
