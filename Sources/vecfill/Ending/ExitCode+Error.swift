import ArgumentParser
import Backfill
import Postgres

extension Failure {
  /// What a command that ends with `error` shows; nil for an error of the command line's parser, or an unknown one.
  static func of(_ error: any Error) -> Failure? {
    error as? Failure ?? (error as? PostgresError)?.failure("the database")
  }
}

extension Backfill.ExitCode {
  /// The exit code of a process whose command ended with `error`; nil for none.
  init(endingWith error: (any Error)?) {
    guard let error else {
      self = .complete
      return
    }
    self =
      Failure.of(error)?.exitCode ?? (error as? ArgumentParser.ExitCode).flatMap { Self(rawValue: $0.rawValue) }
      ?? .unavailable
  }
}
