import ArgumentParser
import Configuration

/// The flags that set a job's parameters, for each command that fills its columns; their values are checked with the
/// other layers', so that an error reads the same wherever a value stands.
struct ConfigurationOptions: ParsableArguments {
  @OptionGroup var planning: PlanningOptions
  @Option(help: ModelOptions.help(.writers, "writes"))
  var writers: String?
  @Option(help: ModelOptions.help(.migrationDatabaseURL, "url"))
  var migrationDatabaseURL: String?

  var flags: [Parameter: String] {
    let own: [Parameter: String?] = [.writers: writers, .migrationDatabaseURL: migrationDatabaseURL]
    return planning.flags.merging(own.compactMapValues(\.self)) { flag, _ in flag }
  }
}
