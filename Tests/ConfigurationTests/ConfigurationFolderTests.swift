import Foundation
import Testing

@testable import Configuration

struct ConfigurationFolderTests {
  private func found(_ workspace: Workspace) throws -> String? {
    let layers = Layers(
      flags: [:],
      variables: Variables(environment: workspace.environment, dotenv: try DotEnv(in: workspace.process)))
    return try ConfigurationFolder.find(layers.setting(.configFolder), in: workspace.process)
      .map { String($0.dropFirst(workspace.path.count + 1)) }
  }

  @Test(arguments: [
    (["config"], "bin/vecfill", "config"),
    (["config"], ".build/x86_64-unknown-linux-gnu/debug/vecfill", "config"),
    (["config"], "vecfill", "config"),
    (["share/vecfill/config"], "bin/vecfill", "share/vecfill/config"),
    (["share/vecfill/config", "config"], "bin/vecfill", "config"),
    (["config", "opt/vecfill/config"], "opt/vecfill/bin/vecfill", "opt/vecfill/config"),
    ([], "bin/vecfill", nil as String?),
  ])
  func `the nearest folder above the executable is taken`(
    folders: [String], executable: String, expected: String?
  ) throws {
    let workspace = try Workspace()
    workspace.executable = "\(workspace.path)/\(executable)"
    for folder in folders {
      try workspace.write("batch_size: 5", to: "\(folder)/defaults.yaml")
      try workspace.write("models: []", to: "\(folder)/models.yaml")
    }
    #expect(try found(workspace) == expected)
  }

  @Test(arguments: ["defaults.yaml", "models.yaml"])
  func `a folder with one of the two files is not taken for vecfill's`(file: String) throws {
    let workspace = try Workspace()
    workspace.executable = "\(workspace.path)/bin/vecfill"
    try workspace.write("other: 5", to: "config/\(file)")
    #expect(try found(workspace) == nil)
  }

  @Test func `a folder that is named needs only one of the two files`() throws {
    let workspace = try Workspace()
    workspace.executable = "\(workspace.path)/bin/vecfill"
    workspace.environment["VECFILL_CONFIG_DIR"] = "own"
    for file in ["config/defaults.yaml", "config/models.yaml"] { try workspace.write("models: []", to: file) }
    try workspace.write("batch_size: 5", to: "own/defaults.yaml")
    #expect(try found(workspace) == "own")
    #expect(try workspace.configuration().setting("batch_size").origin == .config(file: "own/defaults.yaml", line: 1))
  }

  @Test func `a folder that is named and holds neither is refused`() throws {
    let workspace = try Workspace()
    try workspace.write("VECFILL_CONFIG_DIR=/nowhere", to: ".env")
    let line = try failureLine { _ = try workspace.configuration() }
    #expect(
      line
        == ".env:1: /nowhere is no folder with defaults.yaml or models.yaml in it; correct or unset VECFILL_CONFIG_DIR"
    )
  }

  @Test(arguments: [
    ("sources: []", "1:1: sources is not a known key; allowed here: provider, "),
    ("name: x", "1:1: name is not a known key; allowed here: provider, "),
    ("api_key: planted", "1:1: api_key is a secret, and secrets don't belong in a file like this; "),
    ("concurrency: many", "1:14: concurrency must be a whole number from 1 to 256, not text"),
    ("# nothing", " is empty"),
  ])
  func `defaults that are wrong are refused`(text: String, told: String) throws {
    let workspace = try Workspace()
    workspace.environment["VECFILL_CONFIG_DIR"] = "config"
    try workspace.write(text, to: "config/defaults.yaml")
    let line = try failureLine { _ = try workspace.configuration() }
    #expect(line.hasPrefix("config/defaults.yaml:\(told)"))
    #expect(!line.contains("planted"))
  }

  @Test func `the shipped defaults are read`() throws {
    let workspace = try Workspace()
    workspace.executable = "\(repository)/.build/debug/vecfill"
    let setting = try workspace.configuration().setting("concurrency")
    #expect(setting.origin == .config(file: "\(repository)/config/defaults.yaml", line: 4))
  }
}
