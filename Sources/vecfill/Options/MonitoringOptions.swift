import ArgumentParser
import Monitoring

/// Who may watch a run from outside.
struct MonitoringOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Serve metrics, health and a page at this address while it runs, e.g. 127.0.0.1:9464; a port alone listens on 127.0.0.1, :0 takes any free port.",
      valueName: "address"))
  var listen: ListenAddress?

  @Option(
    help: ArgumentHelp(
      "Write the metrics there every 10 s and at the end, for node exporter's textfile collector.", valueName: "path"),
    completion: .file(extensions: ["prom"]))
  var metricsFile: String?
}

extension ListenAddress: ExpressibleByArgument {
  public init?(argument: String) {
    self.init(argument)
  }
}
