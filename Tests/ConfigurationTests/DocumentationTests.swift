import Foundation
import Testing

@testable import Configuration

struct DocumentationTests {
  private func document(_ name: String) throws -> String {
    try String(contentsOfFile: "\(repository)/docs/\(name)", encoding: .utf8)
  }

  @Test func `docs/configuration.md has exactly the table of the code`() throws {
    let text = try document("configuration.md")
    let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }.map(String.init)
    let expected = Parameter.allCases.map { parameter in
      let definition = parameter.definition
      let key = definition.isInFiles ? "`\(parameter.rawValue)`" : "`\(parameter.rawValue)` (not in files)"
      let fallback = definition.fallback.map { "`\($0)`" } ?? definition.derivedDefault ?? "none"
      let flag = definition.flag.map { "`\($0)`" } ?? ""
      let variable = definition.variable.map { "`\($0)`" } ?? ""
      return "| \(key) | \(flag) | \(variable) | \(definition.allowed) | \(fallback) | \(definition.summary) |"
    }
    #expect(rows == expected)
  }

  @Test func `every job spec in docs/job-spec.md is one`() throws {
    let blocks = try document("job-spec.md").split(separator: "```").filter { $0.hasPrefix("yaml\n") }
    #expect(blocks.count >= 2)
    for block in blocks {
      let workspace = try Workspace()
      workspace.executable = "\(repository)/.build/debug/vecfill"
      try workspace.write(String(block.dropFirst(5)), to: "job.yaml")
      _ = try JobConfiguration(spec: "job.yaml", process: workspace.process).job()
    }
  }

  @Test func `docs/job-spec.md tells every key`() throws {
    let text = try document("job-spec.md")
    for parameter in Parameter.allCases where parameter.definition.isInFiles {
      #expect(text.contains("`\(parameter.rawValue)`"), "\(parameter.rawValue)")
    }
    for key in [
      "name", "sources", "table", "schema", "key", "text", "vector", "where", "write_to", "since", "order", "edits",
      "follow", "hours", "gentle", "chunks",
    ] {
      #expect(text.contains("`\(key)`"), "\(key)")
    }
  }
}
