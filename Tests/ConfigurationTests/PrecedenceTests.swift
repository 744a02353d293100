import Backfill
import Foundation
import Testing

@testable import Configuration

/// The layers, highest first, each with a batch size of its own.
enum Layer: Int, CaseIterable {
  case flag = 1
  case environment, dotenv, spec, config, builtIn

  static let pairs = allCases.flatMap { higher in
    allCases.filter { $0.rawValue > higher.rawValue }.map { (higher, $0) }
  }

  var batchSize: Int { self == .builtIn ? 100 : rawValue }

  var origin: Origin {
    switch self {
    case .flag: .flag("--batch-size")
    case .environment: .environment("VECFILL_BATCH_SIZE")
    case .dotenv: .dotenv(file: ".env", line: 2)
    case .spec: .spec(file: "job.yaml", line: 2)
    case .config: .config(file: "config/defaults.yaml", line: 3)
    case .builtIn: .builtIn
    }
  }
}

struct PrecedenceTests {
  private func configuration(
    _ layers: Set<Layer>, value: (Layer) -> String = { "\($0.batchSize)" }
  ) throws -> JobConfiguration {
    let workspace = try Workspace()
    workspace.environment["VECFILL_CONFIG_DIR"] = "config"
    try workspace.write("concurrency: 8\n\nbatch_size: \(value(.config))\n", to: "config/defaults.yaml")
    if !layers.contains(.config) { try workspace.write("concurrency: 8\n", to: "config/defaults.yaml") }
    if layers.contains(.environment) { workspace.environment["VECFILL_BATCH_SIZE"] = value(.environment) }
    if layers.contains(.dotenv) { try workspace.write("A=1\nVECFILL_BATCH_SIZE=\(value(.dotenv))\n", to: ".env") }
    return try workspace.configuration(
      spec: layers.contains(.spec) ? "batch_size: \(value(.spec))\n" : "",
      flags: layers.contains(.flag) ? [.batchSize: value(.flag)] : [:])
  }

  @Test(arguments: Layer.pairs)
  func `the higher of two layers wins`(higher: Layer, lower: Layer) throws {
    let setting = try configuration([higher, lower]).setting("batch_size")
    #expect(setting.value == .integer(higher.batchSize))
    #expect(setting.origin == higher.origin)
  }

  @Test func `with every layer set the flag wins`() throws {
    #expect(try configuration(Set(Layer.allCases)).setting("batch_size").origin == .flag("--batch-size"))
  }

  @Test(arguments: [
    (
      Layer.flag,
      "command line: --batch-size must be a whole number from 1 to 2048; leave it out for the default"
    ),
    (.environment, "environment: VECFILL_BATCH_SIZE must be a whole number from 1 to 2048"),
    (.dotenv, ".env:2: VECFILL_BATCH_SIZE must be a whole number from 1 to 2048"),
    (.spec, "job.yaml:2:13: batch_size must be a whole number from 1 to 2048, not text"),
    (.config, "config/defaults.yaml:3:13: batch_size must be a whole number from 1 to 2048, not text"),
  ])
  func `a malformed value of the winning layer is an error, never the default`(layer: Layer, line: String) throws {
    let told = try failureLine {
      _ = try configuration([layer, .builtIn]) { $0 == layer ? "planted" : "\($0.batchSize)" }
    }
    #expect(told == line)
  }

  @Test func `a malformed variable under a flag does no harm, a malformed file does`() throws {
    let fine = try configuration([.flag, .environment]) { $0 == .environment ? "planted" : "7" }
    #expect(try fine.setting("batch_size").value == .integer(7))
    let line = try failureLine { _ = try configuration([.flag, .spec]) { $0 == .spec ? "[]" : "7" } }
    #expect(line == "job.yaml:2:13: batch_size must be a whole number from 1 to 2048, not a list")
  }

  @Test func `a variable that is set to nothing is not set`() throws {
    let workspace = try Workspace()
    workspace.environment["OPENAI_API_KEY"] = ""
    try workspace.write("VECFILL_MODEL=\nOPENAI_API_KEY='from-dotenv'\n", to: ".env")
    let configuration = try workspace.configuration(spec: "model: some-model\n")
    #expect(try configuration.setting("model").value == .text("some-model"))
    #expect(try configuration.setting("api_key").origin == .dotenv(file: ".env", line: 2))
  }

  @Test(arguments: [
    ("environment", "environment: VECFILL_BATCHSIZE is not a known variable; did you mean VECFILL_BATCH_SIZE?"),
    (".env", ".env:1: VECFILL_BATCHSIZE is not a known variable; did you mean VECFILL_BATCH_SIZE?"),
  ])
  func `a misspelled variable is refused`(place: String, line: String) throws {
    let workspace = try Workspace()
    if place == ".env" {
      try workspace.write("VECFILL_BATCHSIZE=9", to: ".env")
    } else {
      workspace.environment["VECFILL_BATCHSIZE"] = "9"
    }
    let told = try failureLine { _ = try workspace.configuration() }
    #expect(told == line)
  }

  @Test(arguments: [
    ("VECFILL_WEBHOK", "VECFILL_WEBHOOK"), ("VECFILL_TERMINATION_LOGG", "VECFILL_TERMINATION_LOG"),
  ])
  func `a misspelled variable of a run's end is refused, and the right one is not`(word: String, meant: String) throws {
    let workspace = try Workspace()
    workspace.environment[word] = "x"
    let told = try failureLine { _ = try workspace.configuration() }
    #expect(told == "environment: \(word) is not a known variable; did you mean \(meant)?")
    workspace.environment = [meant: "x"]
    _ = try workspace.configuration()
  }

  @Test func `a variable that sets no parameter comes from the environment, and else from dotenv`() throws {
    let workspace = try Workspace()
    workspace.environment = ["A": "own", "B": "", "C": "own"]
    try workspace.write("A=file\nB=file\nD=file\n", to: ".env")
    #expect(workspace.process.variables == ["A": "own", "B": "file", "C": "own", "D": "file"])
    try workspace.write("no line", to: ".env")
    #expect(workspace.process.variables == workspace.environment)
  }

  @Test(arguments: [
    "VECFILL_SERVICE_HOST", "VECFILL_SERVICE_PORT", "VECFILL_SERVICE_PORT_METRICS", "VECFILL_PORT",
    "VECFILL_PORT_9464_TCP", "VECFILL_PORT_9464_TCP_ADDR", "VECFILL_METRICS_SERVICE_HOST", "VECFILL_METRICS_PORT",
    "VECFILL_METRICS_PORT_53_UDP_PROTO", "VECFILL_TEST_ALL", "VECFILL_SEED", "VECFILL_DATA_DIR", "VECFILL_EXIT_CODE",
    "VECFILL_WEBHOOK", "VECFILL", "MY_VECFILL_SPOOL",
  ])
  func `a variable that Kubernetes, a test or vecfill itself sets is left alone`(name: String) throws {
    let workspace = try Workspace()
    workspace.environment[name] = "tcp://10.0.0.1:80"
    let configuration = try workspace.configuration()
    #expect(try configuration.setting("batch_size").value == .integer(100))
    #expect(!configuration.warnings().contains { $0.contains("VECFILL") })
  }

  @Test(arguments: [
    ("VECFILL_SPOOL", "spool is a key of the job"), ("VECFILL_TOO_LONG", "too_long is a key of the job"),
    ("VECFILL_SHARE", "share is a key of the job"), ("VECFILL_HOURS", "hours is a key of the job"),
    ("VECFILL_NEWLINES", "preparation.newlines is a key of the job"),
    ("VECFILL_DATABASE_URL", "database_url is set by DATABASE_URL"),
    ("VECFILL_BUDGET_USD", "budget.usd is set by VECFILL_BUDGET"), ("vecfill_model", "the variable is VECFILL_MODEL"),
    (
      "VECFILL_MAX_ROWS",
      "no setting has this variable; if --max-rows is an option of the command, give it there"
    ),
    ("VECFILL_FOO", "no setting has this variable; if --foo is an option of the command, give it there"),
  ])
  func `a variable that sets nothing is warned of, with what does, and never with its value`(
    name: String, advice: String
  ) throws {
    for isInFile in [false, true] {
      let workspace = try Workspace()
      if isInFile {
        try workspace.write("A=b\n\(name)=planted\n", to: ".env")
      } else {
        workspace.environment[name] = "planted"
      }
      let warnings = try workspace.configuration().warnings().filter { $0.contains(name) }
      #expect(warnings == ["\(name)\(isInFile ? " in .env:2" : "") sets nothing: \(advice)"])
      workspace.environment[name] = ""
      try workspace.write("", to: ".env")
      #expect(try workspace.configuration().warnings().allSatisfy { !$0.contains(name) })
    }
  }
}
