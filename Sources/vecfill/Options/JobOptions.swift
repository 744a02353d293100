import ArgumentParser
import Configuration

/// The job's spec and the settings that a flag can change, for each command that works on a whole job.
struct JobOptions: ParsableArguments {
  @OptionGroup var place: SpecArgument

  @OptionGroup var options: ConfigurationOptions

  var spec: String { place.spec }

  func configuration() throws -> JobConfiguration {
    try JobConfiguration(spec: spec, flags: options.flags)
  }
}

/// The job's spec and who embeds, for a command that embeds some texts, or looks at vectors, and fills nothing.
struct SampleOptions: ParsableArguments {
  @OptionGroup var place: SpecArgument

  @OptionGroup var model: ModelOptions

  func configuration() throws -> JobConfiguration {
    try JobConfiguration(spec: place.spec, flags: model.flags)
  }
}

/// Where the job's spec is.
struct SpecArgument: ParsableArguments {
  @Argument(
    help: ArgumentHelp("The job spec, e.g. jobs/backfill-embeddings.yaml.", valueName: "spec"), completion: .yaml)
  var spec: String
}
