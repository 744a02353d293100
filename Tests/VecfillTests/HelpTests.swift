import TestSupport
import Testing

/// `--help` is enough to use a command.
@Suite struct HelpTests {
  /// Every command, found by the help of the one above it.
  private static func commands(under path: [String] = []) async throws -> [[String]] {
    let exit = try await VecfillProcess.run(path + ["--help"])
    #expect(exit.code == 0, "\(path): \(exit.errors)")
    #expect(exit.output.contains("USAGE: vecfill"), "\(path): \(exit.output)")
    var found = [path]
    for list in exit.output.split(separator: "SUBCOMMANDS:\n").dropFirst() {
      for line in list.prefix(upTo: list.firstRange(of: "\n\n")?.lowerBound ?? list.endIndex).split(separator: "\n")
      where line.hasPrefix("  ") && !line.hasPrefix("   ") {
        let name = String(line.split(separator: " ")[0])
        guard name != "help" else { continue }
        found += try await commands(under: path + [name])
      }
    }
    return found
  }

  @Test func `the top help begins with what a newcomer needs`() async throws {
    let help = try await VecfillProcess.run(["--help"]).output
    let places = ["  estimate ", "  migrate ", "  run ", "  tokenizer "].map { help.firstRange(of: $0)?.lowerBound }
    #expect(!places.contains(nil) && places.compactMap(\.self) == places.compactMap(\.self).sorted(), "\(help)")
  }

  @Test func `each command that does something has an example`() async throws {
    for command in try await Self.commands() where !["encode", "count", "list", "retry", "drop"].contains(command.last)
    {
      let help = try await VecfillProcess.run(command + ["--help"]).output
      #expect(help.contains("xample: `") || help.contains("SUBCOMMANDS:"), "\(command): \(help)")
    }
  }

  @Test(arguments: [
    (
      ["estimate", "job.yaml", "--max-cots", "2"],
      "unknown option '--max-cots'; did you mean '--max-cost'? `vecfill estimate --help`"
    ),
    (
      ["run"],
      "missing expected argument '<spec>' (the job spec, e.g. jobs/backfill-embeddings.yaml); `vecfill run --help`"
    ),
    (
      ["run", "job.yaml", "--deadline", "soon"],
      "'--deadline <time>' (stop after this time, e.g. 90s, 50m or 8h); `vecfill run"
    ),
    (
      ["run", "job.yaml", "--max-rows", "-1"],
      "--max-rows takes no negative number, as -1 is (stop after so many written rows); `vecfill run"
    ),
    (["run", "job.yaml", "--grace", "-0.5"], "--grace takes no negative number, as -0.5 is (after a stop, wait up to"),
    (["search", "words", "job.yaml", "-n", "many"], "'-n <rows>' (how many rows to print); `vecfill search --help`"),
    (["estimate", "job.yaml", "--sample", "5"], "--sample takes at least 100 rows; `vecfill estimate --help`"),
    (["migrate", "up", "--nonsense"], "unknown option '--nonsense'; `vecfill migrate up --help` shows what it takes"),
    (["job.yaml"], "a command is missing before job.yaml, e.g. `vecfill estimate job.yaml`; `vecfill help` lists them"),
    (
      ["migrate", "job.yml"],
      "a command is missing before job.yml, e.g. `vecfill migrate plan job.yml`; `vecfill help migrate`"
    ),
  ])
  func `what is wrong with the arguments is one line that says what they take`(
    _ arguments: [String], message: String
  ) async throws {
    let exit = try await VecfillProcess.run(arguments)
    #expect(exit.code == 64 && exit.output.isEmpty)
    #expect(exit.errors.hasPrefix("vecfill: command line: ") && exit.errors.contains(message), "\(exit.errors)")
    #expect(exit.errors.split(separator: "\n").count == 1, "\(exit.errors)")
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

  /// The help of each argument and option, by its beginning, e.g. "--writers <writes>".
  private static func entries(of help: String) -> [(name: String, text: String)] {
    var entries: [(name: String, text: String)] = []
    for line in help.split(separator: "\n") {
      if let match = line.wholeMatch(of: #/  ((?:-\w, )?--?[^\s<]+(?: <[^>]+>)?|<[^>]+>)(?: \.\.\.)?\s*(.*)/#) {
        entries.append((String(match.1), String(match.2)))
      } else if line.hasPrefix("        "), let last = entries.indices.last {
        entries[last].text += (entries[last].text.isEmpty ? "" : " ") + line.trimmingPrefix { $0 == " " }
      }
    }
    return entries
  }

  @Test func `each option's help is a sentence`() async throws {
    for command in try await Self.commands() {
      for (name, text) in Self.entries(of: try await VecfillProcess.run(command + ["--help"]).output) {
        let sentence = text.replacing(#/ \((default|values): [^()]*\)$/#, with: "")
        #expect(sentence.first?.isLowercase != true && sentence.last != nil, "\(command) \(name): \(text)")
        #expect(
          sentence.hasSuffix(".") || ["--version", "--help"].contains { name.hasSuffix($0) },
          "\(command) \(name): \(text)")
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
    (["help", "nonsense"], "there is no command nonsense; `vecfill help` lists them"),
    (["help", "runn"], "there is no command runn; did you mean run? `vecfill help` lists them"),
    (["help", "migrate", "upp"], "there is no command upp; did you mean up? `vecfill help migrate` lists them"),
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
