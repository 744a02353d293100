/// Which database a migration is written for; the raw value is the suffix in a file's name.
package enum Dialect: String, CaseIterable, Sendable {
  case postgres
  case sqlite
}
