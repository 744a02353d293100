import ArgumentParser
import Configuration

/// The job's spec and the settings that a flag can change, for each command that works on a job.
struct JobOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp("The job spec, e.g. jobs/backfill-embeddings.yaml.", valueName: "spec"), completion: .yaml)
  var spec: String

  @OptionGroup var options: ConfigurationOptions

  func configuration() throws -> JobConfiguration {
    try JobConfiguration(spec: spec, flags: options.flags)
  }
}
