/// Which way a migration is run.
package enum Direction: String, Sendable {
  case up
  case down
}
