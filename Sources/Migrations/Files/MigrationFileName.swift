import Backfill

/// A migration's file name, taken apart.
struct MigrationFileName {
  let file: String
  let version: Int
  let name: String
  let dialect: Dialect?
  let direction: Direction

  init(parsing file: String) throws(Failure) {
    guard let match = file.wholeMatch(of: #/(\d{1,18})_([a-z0-9_]+)(?:\.(postgres|sqlite))?\.(up|down)\.sql/#),
      let version = Int(match.1), version > 0, let direction = Direction(rawValue: String(match.4))
    else {
      throw Failure(
        .configuration, file, "it is not named as a migration is",
        remedy: "name it NUMBER_words.up.sql or .down.sql, with .postgres or .sqlite before that for one dialect")
    }
    self.file = file
    self.version = version
    name = String(match.2)
    dialect = match.3.flatMap { Dialect(rawValue: String($0)) }
    self.direction = direction
  }
}
