import Backfill
import Foundation
import Testing

@testable import Configuration

/// The job files of `jobs/providers/`.
struct ProviderJobsTests {
  private static let files: [String] =
    (try? FileManager.default.contentsOfDirectory(atPath: "\(repository)/jobs/providers"))?
    .filter { $0.hasSuffix(".yaml") }.sorted() ?? []

  @Test func `there is one for each provider of the catalogue`() throws {
    let workspace = try Workspace()
    workspace.executable = "\(repository)/.build/debug/vecfill"
    let providers = try ModelCatalogue(process: workspace.process).providers.map { "\($0.name).yaml" }
    #expect(Set(Self.files).union(["infinity.yaml"]) == Set(providers))
  }

  @Test(arguments: files) func `it is a job of at most six lines that has all that its provider needs`(
    file: String
  ) throws {
    let path = "\(repository)/jobs/providers/\(file)"
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }
    #expect(lines.count <= 6)
    let workspace = try Workspace()
    workspace.executable = "\(repository)/.build/debug/vecfill"
    let name = String(file.dropLast(5))
    let entry = try #require(try ModelCatalogue(process: workspace.process).provider(name))
    if let variable = entry.keyVariable { workspace.environment[variable] = "a-key" }
    let configuration = try JobConfiguration(spec: path, process: workspace.process)
    let job = try configuration.job()
    let settings = try configuration.provider()
    #expect(settings.name == name && settings.format == entry.format)
    #expect(settings.key?.reveal() == (entry.keyVariable == nil ? nil : "a-key"))
    #expect(job.sources == [Source(table: "chat_messages")])
    #expect(job.model.fields == settings.fields(for: .document))
    #expect(configuration.warnings().count == (name == "demo" ? 1 : 0), "\(configuration.warnings())")
  }
}
