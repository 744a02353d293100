import ArgumentParser
import Configuration

/// The job's spec and the settings that a flag can change, for each command that works on a whole job.
///
/// Its groups stand beside one another: in a debug build the parser checks a group several times for each level that it
/// stands below the command.
struct JobOptions: ParsableArguments {
  @OptionGroup var place: SpecArgument

  @OptionGroup var model: ModelOptions

  @OptionGroup var planning: PlanningOptions

  @OptionGroup var options: ConfigurationOptions

  var spec: String { place.spec }

  var flags: [Parameter: String] { .merged(model.flags, planning.flags, options.flags) }

  func configuration() throws -> JobConfiguration {
    try JobConfiguration(spec: spec, flags: flags)
  }
}

/// The job's spec and what is asked of whom, for a command that plans a job's requests and fills nothing.
struct EstimateOptions: ParsableArguments {
  @OptionGroup var place: SpecArgument

  @OptionGroup var model: ModelOptions

  @OptionGroup var planning: PlanningOptions

  func configuration() throws -> JobConfiguration {
    try JobConfiguration(spec: place.spec, flags: .merged(model.flags, planning.flags))
  }
}

/// The job's spec and who embeds, for a command that embeds some texts, or looks at vectors, and fills nothing.
struct SampleOptions: ParsableArguments {
  @OptionGroup var place: SpecArgument

  @OptionGroup var model: ModelOptions

  /// - Parameter ledger: where the ledger is, for a command that records what it finds.
  func configuration(ledger: LedgerOption? = nil) throws -> JobConfiguration {
    try JobConfiguration(spec: place.spec, flags: model.flags.merging(ledger?.flags ?? [:]) { flag, _ in flag })
  }
}

/// The job's spec, who embeds, and how its vectors are written, for a command that writes and asks for nothing.
struct WritingOptions: ParsableArguments {
  @OptionGroup var place: SpecArgument

  @OptionGroup var model: ModelOptions

  @OptionGroup var ledger: LedgerOption

  @OptionGroup var writing: ConfigurationOptions

  var spec: String { place.spec }

  func configuration() throws -> JobConfiguration {
    try JobConfiguration(spec: spec, flags: .merged(model.flags, ledger.flags, writing.flags))
  }
}

/// Where the job's spec is.
struct SpecArgument: ParsableArguments {
  @Argument(
    help: ArgumentHelp("The job spec, e.g. jobs/backfill-embeddings.yaml.", valueName: "spec"), completion: .yaml)
  var spec: String
}

extension [Parameter: String] {
  /// The flags of several groups; no two have the same.
  static func merged(_ groups: [Parameter: String]...) -> [Parameter: String] {
    groups.reduce(into: [:]) { $0.merge($1) { flag, _ in flag } }
  }
}
