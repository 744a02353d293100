import ArgumentParser
import Configuration

/// The further flags that set a job's parameters, for each command that fills its columns; their values are checked with the
/// other layers', so that an error reads the same wherever a value stands.
struct ConfigurationOptions: ParsableArguments {
  @Option(help: ModelOptions.help(.writers, "writes"))
  var writers: String?
  @Option(help: ModelOptions.help(.migrationDatabaseURL, "url"))
  var migrationDatabaseURL: String?

  var flags: [Parameter: String] {
    [.writers: writers, .migrationDatabaseURL: migrationDatabaseURL].compactMapValues(\.self)
  }
}
