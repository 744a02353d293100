import TestSupport
import Testing

/// `--help` is enough to use a command.
@Suite struct HelpTests {
  /// Every command, found by the help of the one above it.
  private static func commands(under path: [String] = []) async throws -> [[String]] {
    let exit = try await VecfillProcess.run(path + ["--help"])
    #expect(exit.code == 0, "\(path): \(exit.errors)")
    #expect(exit.output.contains("USAGE: vecfill"), "\(path): \(exit.output)")
    guard let list = exit.output.split(separator: "SUBCOMMANDS:\n").dropFirst().first else { return [path] }
    var found = [path]
    for line in list.prefix(upTo: list.firstRange(of: "\n\n")?.lowerBound ?? list.endIndex).split(separator: "\n")
    where line.hasPrefix("  ") && !line.hasPrefix("   ") {
      let name = String(line.split(separator: " ")[0])
      guard name != "help" else { continue }
      found += try await commands(under: path + [name])
    }
    return found
  }

  @Test func `each command tells its use, however it is asked`() async throws {
    let commands = try await Self.commands()
    #expect(commands.count > 20)
    for command in commands {
      let long = try await VecfillProcess.run(command + ["--help"])
      for spelling in [command + ["-h"], ["help"] + command] {
        let exit = try await VecfillProcess.run(spelling)
        #expect(exit.code == 0 && exit.errors.isEmpty, "\(spelling): \(exit.errors)")
        #expect(exit.output == long.output, "\(spelling)")
      }
    }
  }

  @Test func `the version tells the commit, where the build was told it, and the libraries`() async throws {
    let exit = try await VecfillProcess.run(["--version"])
    let lines = exit.output.split(separator: "\n")
    try #require(exit.code == 0 && lines.count == 2, "\(exit.output)\(exit.errors)")
    #expect(lines[0].wholeMatch(of: #/vecfill [\d.]+ \((unreleased build|commit [0-9a-f]+(-dirty)?)\)/#) != nil)
    #expect(lines[1].wholeMatch(of: #/libpq [\d.]+, libcurl [\d.]+, SQLite [\d.]+/#) != nil)
  }

  @Test(arguments: [["bash"], ["zsh"], ["fish"]])
  func `a shell's completion offers specs as files`(_ shell: [String]) async throws {
    let exit = try await VecfillProcess.run(["--generate-completion-script"] + shell)
    #expect(exit.code == 0 && exit.output.contains("yaml"), "\(exit.errors)")
  }

  @Test(arguments: [
    (["estimte", "job.yaml"], "there is no command estimte; did you mean estimate? `vecfill help` lists them"),
    (["migrate", "upp"], "there is no command upp; did you mean up? `vecfill help migrate` lists them"),
    (["nonsense"], "there is no command nonsense; `vecfill help` lists them"),
  ])
  func `a command that isn't there is named, with the one that was meant`(
    _ arguments: [String], message: String
  ) async throws {
    let exit = try await VecfillProcess.run(arguments)
    #expect(exit.code == 64)
    #expect(exit.errors.contains(message), "\(exit.errors)")
  }

  @Test(arguments: [["--version"], ["nonsense"], ["run", "--nonsense"], ["run"]])
  func `what is no request for help has an exit code of its own`(_ arguments: [String]) async throws {
    let exit = try await VecfillProcess.run(arguments)
    #expect(exit.code == (arguments == ["--version"] ? 0 : 64), "\(exit.errors)")
  }
}
