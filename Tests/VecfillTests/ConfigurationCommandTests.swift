import Foundation
import TestSupport
import Testing

/// `vecfill config` and `vecfill models` as processes.
struct ConfigurationCommandTests {
  private struct Outcome {
    let output: String
    let error: String
    let status: Int32
  }

  private func vecfill(_ arguments: [String], environment: [String: String] = [:], dotenv: String = "") throws
    -> Outcome
  {
    let folder = FileManager.default.temporaryDirectory.appending(path: "vecfill-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(dotenv.utf8).write(to: folder.appending(path: ".env"))
    try Data("SQLite format 3\0".utf8 + Data(count: 4_080)).write(to: folder.appending(path: "a.db"))
    try Data("sources: [{table: messages}]\nmodel: text-embedding-3-small\n".utf8)
      .write(to: folder.appending(path: "job.yaml"))
    let process = Process()
    process.executableURL = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
      .appending(path: "vecfill")
    process.arguments = arguments
    process.environment = environment
    process.currentDirectoryURL = folder
    let (output, error) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = error
    try process.run()
    let told = try output.fileHandleForReading.readToEnd() ?? Data()
    let complained = try error.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Outcome(
      output: String(decoding: told, as: UTF8.self), error: String(decoding: complained, as: UTF8.self),
      status: process.terminationStatus)
  }

  @Test func `config prints each layer's values and no secret`() throws {
    let outcome = try vecfill(
      ["config", "job.yaml", "--batch-size", "7"],
      environment: ["OPENAI_API_KEY": "sk-PLANTED", "VECFILL_CONCURRENCY": "3"],
      dotenv: "DATABASE_URL=postgresql://u:PLANTED@db/verse\n")
    #expect(outcome.status == 0)
    let rows = outcome.output.split(separator: "\n").map { $0.split(separator: /\ {2,}/).map(String.init) }
    #expect(rows.contains(["batch_size", "7", "--batch-size"]))
    #expect(rows.contains(["concurrency", "3", "environment VECFILL_CONCURRENCY"]))
    #expect(rows.contains(["database_url", "postgresql://u:***@db/verse", ".env:1"]))
    #expect(rows.contains(["model", "text-embedding-3-small", "job.yaml:2"]))
    #expect(rows.contains { $0.first == "dimensions" && $0.last?.contains("config/models.yaml:") == true })
    #expect(!(outcome.output + outcome.error).contains("PLANTED"))
  }

  @Test func `config with a broken layer ends with one line`() throws {
    let outcome = try vecfill(["config", "job.yaml"], dotenv: "VECFILL_BATCH_SIZE=PLANTED\n")
    #expect(outcome.status != 0)
    #expect(outcome.output.isEmpty)
    #expect(outcome.error.contains(".env:1: VECFILL_BATCH_SIZE must be a whole number from 1 to 2048\n"))
    #expect(!outcome.error.contains("PLANTED"))
  }

  @Test func `config of a job that can't run tells it once`() throws {
    let outcome = try vecfill(["config", "job.yaml", "--model", "text-embedding-3-smal"])
    #expect(outcome.status == 78 && outcome.output.contains("text-embedding-3-smal"))
    #expect(outcome.error.components(separatedBy: "did you mean").count == 2, "\(outcome.error)")
  }

  @Test(arguments: [
    (["config", "--models", "nofile"], "nofile: there is no such file; correct its path"),
    (["config", "--models", "."], ".: is a folder, not a file; name a file in it"),
    (["config", "a.db"], "a.db: is a SQLite database, not a text file; give the path of a job spec"),
    (["config", "job.yaml", "--models", "a.db"], "a.db: is a SQLite database, not a text file; correct its path"),
    (
      ["migrate", "new", "a table", "--migrations", "job.yaml"],
      "job.yaml: is a file, not a folder; name the folder of migrations with --migrations"
    ),
    (
      ["config", "--concurrency", "0"],
      "--concurrency must be a whole number from 1 to 256; leave it out for the default"
    ),
  ])
  func `a path that leads to something else says what is there, and what to name`(
    _ arguments: [String], _ told: String
  ) throws {
    let outcome = try vecfill(arguments, environment: ["DATABASE_URL": "sqlite:///a.db", "OPENAI_API_KEY": "sk-test"])
    #expect(outcome.status != 0 && outcome.error.contains(told), "\(outcome.error)")
    #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
  }

  @Test func `models prints the shipped catalogue, as a table and as JSON`() throws {
    let table = try vecfill(["models"])
    #expect(table.status == 0 && table.output.contains("text-embedding-3-small *          0.02    0.01    8192"))
    let json = try vecfill(["models", "--json"])
    let parsed = try #require(
      JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: [[String: Any]]])
    #expect(try #require(parsed["models"]).count == 35)
  }

  private func shell(_ script: String) async throws -> (code: Int32, output: String, errors: String) {
    let folder = try TemporaryFolder()
    try Data("name: a\nsources: [{table: messages}]\nmodel: text-embedding-3-small\n".utf8)
      .write(to: URL(fileURLWithPath: folder.file("job.yaml")))
    return try await Command.run([
      "bash", "-c",
      """
      export DATABASE_URL=postgresql://u@h/d vecfill='\(VecfillProcess.executable.path)'; cd '\(folder.path)'; \(script)
      """,
    ])
  }

  @Test(arguments: [
    "config job.yaml", "config job.yaml --json", "models",
    "status --ledger none.db", "cost --ledger none.db --json",
  ])
  func `what can't be written to standard output is a failure, and a reader that went away is none`(command: String)
    async throws
  {
    let full = try await shell("$vecfill \(command) >/dev/full")
    #expect(full.code == 74, "\(full.errors)")
    #expect(full.errors.contains("standard output: not all of it could be written"), "\(full.errors)")
    let head = try await shell("exec 3> >(true); wait $!; $vecfill \(command) >&3")
    #expect(head.code == 0 && !head.errors.contains("standard output"), "\(head.errors)")
  }

  @Test(arguments: ["<(cat job.yaml)", "/dev/stdin <job.yaml", "/dev/stdin < <(cat job.yaml)"])
  func `a spec is read from a pipe`(spec: String) async throws {
    let exit = try await shell("$vecfill config \(spec)")
    #expect(exit.code == 0 && exit.output.contains("text-embedding-3-small"), "\(exit.errors)")
  }

  @Test func `a spec from a pipe needs a name of its own`() async throws {
    let exit = try await shell("$vecfill config <(grep -v name job.yaml)")
    #expect(exit.code == 78 && exit.errors.contains("set `name:` in the spec"), "\(exit.errors)")
  }
}
