import ArgumentParser
import Configuration

struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Print every setting with where it comes from, secrets redacted.",
    discussion: """
      With a job spec, checks the job too.

      Example: `vecfill config job.yaml`
      """)

  @Argument(help: "The job spec.", completion: .yaml)
  var spec: String?
  @OptionGroup var model: ModelOptions
  @OptionGroup var planning: PlanningOptions
  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let configuration = try JobConfiguration(spec: spec, flags: .merged(model.flags, planning.flags, options.flags))
    let report = SettingsReport(configuration.settings)
    print(json ? try report.json() : report.table)
    // What fails tells the same as its warning.
    if spec != nil { _ = try configuration.job() }
    for warning in configuration.warnings() { Console.standard.warn(warning) }
  }
}
