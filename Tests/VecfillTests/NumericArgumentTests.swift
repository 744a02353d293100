import ArgumentParser
import Backfill
import Foundation
import TestSupport
import Testing

@testable import vecfill

/// No number on the command line ends the process by a trap: it is taken, or refused with 64.
@Suite struct NumericArgumentTests {
  /// What no flag for a number takes.
  static let nonsense = ["nan", "-nan", "inf", "-inf", "1e400", "-1", "", " ", "abc", "0x", "1,5", "١"]

  static let refused: [([String], [String])] = [
    (["estimate", "job.yaml", "--within"], nonsense + ["0", "0%", "-1%", "100%", "1e308", "1e-400", "%", "nan%"]),
    (["estimate", "job.yaml", "--max-cost"], nonsense),
    (
      ["estimate", "job.yaml", "--sample"],
      nonsense + ["0", "99", "1.5", "9223372036854775808", "-9223372036854775809"]
    ),
    (["run", "job.yaml", "--grace"], nonsense + ["86401", "1e308"]),
    (["run", "job.yaml", "--max-outage"], nonsense + ["86401", "1e308"]),
    (["run", "job.yaml", "--max-quarantined"], nonsense + ["9223372036854775808", "1e3"]),
    (["run", "job.yaml", "--max-rows"], ["-1", "", "0", "1e3", "9223372036854775808"]),
    (["run", "job.yaml", "--max-requests"], ["-1", "", "0", "1e3", "9223372036854775808"]),
    (["run", "job.yaml", "--deadline"], ["-1s", "", "0m", "1e3s", "999999999h"]),
    (["run", "job.yaml", "--until"], ["-1", "", "25:00", "2020-01-01T00:00"]),
    (["search", "words", "job.yaml", "--limit"], nonsense + ["0", "1001", "9223372036854775808"]),
    (["migrate", "up", "--wait"], nonsense + ["86401", "1e308"]),
    (["migrate", "up", "--lock-attempts"], nonsense + ["0", "1001"]),
  ]

  @Test(arguments: refused) func `it is refused with 64 and one line that names the flag`(
    command: [String], values: [String]
  ) throws {
    let flag = try #require(command.last)
    for value in values {
      let arguments = command + [value]
      let error = #expect(throws: (any Error).self, "\(arguments)") { try Vecfill.parseAsRoot(arguments) }
      guard let error else { continue }
      #expect(!Vecfill.exitCode(for: error).isSuccess)
      let failure = UsageFailure.failure(of: error, in: arguments)
      #expect(failure.exitCode == .usage, "\(arguments)")
      #expect("\(failure)".contains(flag), "\(value): \(failure)")
      #expect(!"\(failure)".contains("\n"), "\(value): \(failure)")
    }
  }

  @Test(arguments: [["estimate", "job.yaml", "--within", "nan"], ["migrate", "up", "--wait", "1e308"]])
  func `the process says so, too`(command: [String]) async throws {
    let exit = try await VecfillProcess.run(command, environment: ["DATABASE_URL": "sqlite:///chat.db"])
    #expect(exit.code == 64, "\(exit.errors)")
    #expect(exit.errors.contains(command[2]), "\(exit.errors)")
  }

  /// What a job's settings take: as a flag they are a part of the command line, like any other.
  @Test(arguments: [
    "--budget", "--batch-size", "--concurrency", "--dimensions", "--requests-per-minute", "--tokens-per-minute",
  ])
  func `a setting is refused with 64, too`(flag: String) throws {
    let folder = try TemporaryFolder()
    try Data("sources: [{table: m}]\n".utf8).write(to: URL(fileURLWithPath: folder.file("job.yaml")))
    for value in Self.nonsense.filter({ !$0.isEmpty }) + [
      "1e308", "0", "9223372036854775808", String(repeating: "9", count: 400),
    ] {
      let command = try ConfigCommand.parse([folder.file("job.yaml"), "\(flag)=\(value)"])
      let failure = #expect(throws: Failure.self) { try command.run() }
      #expect(failure?.exitCode == .usage, "\(flag) \(value)")
      #expect(failure.map { "\($0)" }?.contains("\(flag) must be") == true, "\(value): \(failure)")
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases) func `the smallest and the largest are taken`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      // More rows than the first sample has, so that another one is asked for, and of very different lengths.
      try await scene.database.insert(
        (0..<3000).map { "message \($0) \(String(repeating: "word ", count: $0 % 60 == 0 ? 500 : 0))" })
      let taken = [
        ["--within", "0.00000001%"], ["--within", "1e-300%"], ["--within", "5e-324"], ["--within", "0x1p-1000"],
        ["--within", "99.9999%"], ["--sample", "100"], ["--sample", "\(Int.max)"], ["--max-cost", "1e308"],
        ["--max-cost", "1.7976931348623157e308"],
      ]
      for arguments in taken {
        let exit = try await scene.start(["estimate", "job.yaml"] + arguments).exit()
        #expect(exit.signal == nil, "\(arguments)")
        #expect(exit.code == 0, "\(arguments): \(exit.errors)")
      }
      for cost in ["0", "5e-324"] {
        #expect(try await scene.start(["estimate", "job.yaml", "--max-cost", cost]).exit().code == 82)
      }
      let tiny = try await scene.start(["estimate", "job.yaml", "--json", "--within", "0.00000001%"]).exit()
      #expect(tiny.output.contains(#""rows":3000"#), "all rows are read: \(tiny.output)")
      let run = [
        "--grace", "0", "--max-outage", "86400", "--max-quarantined", "\(Int.max)",
        "--max-rows", "\(Int.max)", "--max-requests", "\(Int.max)", "--deadline", "8784h", "--until",
        "9999-12-31T23:59Z",
      ]
      #expect(try await scene.fill(run).code == 0)
    }
  }
}
