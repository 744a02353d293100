import ArgumentParser
import Backfill
import Configuration
import Foundation
import Migrations

struct ReembedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reembed", abstract: "Change a job's columns to another model, while the application works.",
    discussion: """
      Fills a second column, indexes it, compares the neighbours of some rows, and swaps the names of both columns in one \
      transaction. The old column stays for --keep-days. PostgreSQL only.

      After a stop or a kill, `vecfill reembed JOB` resumes, on any machine: the database knows how far it is. What your \
      application has to do, and when: docs/change-the-model.md.

      Exit codes: those of run, and 65 if the comparison shows less than --min-overlap or --min-recall.

      Example: `vecfill reembed job.yaml --to text-embedding-3-large --no-switch`
      """)

  @OptionGroup var options: JobOptions

  @Option(
    help: ArgumentHelp(
      "The new model. For a length other than the model's own, add --dimensions.", valueName: "model"))
  var to: String?

  @Flag(help: "Show how far it is, and change nothing.")
  var status = false

  @Flag(help: "Before the switch: drop the new column, and all is as it was.")
  var abandon = false

  @Flag(help: "After the switch: change the names back.")
  var undo = false

  @Flag(help: "After --keep-days: drop the old column. Before, it needs --yes.")
  var finish = false

  @Flag(help: "Stop before the switch; the same command without it switches.")
  var noSwitch = false

  @Flag(help: "Agree to the plan, the switch, and what is dropped, without a question.")
  var yes = false

  @Option(help: ArgumentHelp("How long the old column stays after the switch.", valueName: "days"))
  var keepDays = 7

  @Option(
    help: ArgumentHelp(
      "Stop before the switch if the two models share less than this part of the ten nearest rows. Without this option it never stops for that.",
      valueName: "percent"))
  var minOverlap: LeastPercentage?

  @Option(
    help: ArgumentHelp(
      """
      Stop before the switch if the new index finds less than this part of the ten nearest rows. Without this option: 90%, \
      or if the old index finds less than 90%, 10 points less than that. With 0 it never stops for that.
      """, valueName: "percent"))
  var minRecall: LeastPercentage?

  @Option(help: ArgumentHelp("Go on if at most this many rows are in quarantine.", valueName: "rows"))
  var maxQuarantined = 0

  func validate() throws {
    guard [status, abandon, undo, finish].count(where: { $0 }) <= 1 else {
      throw ValidationError("give one of --status, --abandon, --undo and --finish")
    }
    guard options.model.model == nil else { throw ValidationError("name the new model with --to") }
    guard (0...3650).contains(keepDays) else { throw ValidationError("--keep-days takes days from 0 to 3650") }
    guard maxQuarantined >= 0 else { throw ValidationError("--max-quarantined takes a number of rows") }
  }

  func run() async throws {
    let task = try ReembedTask(spec: options.spec, flags: options.flags)
    let consent = Consent(isGiven: yes)
    if status {
      print(try await ReembedReport(task).text)
    } else if abandon {
      try await ReembedEnding(task: task, consent: consent).abandon()
    } else if undo {
      try await ReembedEnding(task: task, consent: consent).undo()
    } else if finish {
      try await ReembedEnding(task: task, consent: consent).finish()
    } else {
      try await ReembedRun(
        task: task, to: to, keepDays: keepDays, consent: consent, switches: !noSwitch,
        leastOverlap: minOverlap?.share, leastRecall: minRecall?.share, maxQuarantined: maxQuarantined
      ).run()
    }
  }
}

/// The least share that a person asks for: "90%", "100", or "0" for none.
struct LeastPercentage: ExpressibleByArgument {
  let share: Double

  init?(argument: String) {
    guard let percent = Percentage.percent(argument), (0...100).contains(percent) else { return nil }
    share = percent / 100
  }
}

/// Whether a person agrees to what can't be taken back.
struct Consent {
  let isGiven: Bool

  /// Asks at a terminal; throws a `Failure` with `.usage` elsewhere, and where the answer is not yes.
  func ask(_ question: String, else refusal: String) throws {
    guard !isGiven else { return }
    guard isatty(STDIN_FILENO) == 1 else {
      throw Failure(.usage, "reembed", refusal, remedy: "add --yes to agree to it")
    }
    Console.standard.log("\(question) Type yes to go on:")
    guard readLine() == "yes" else { throw Failure(.usage, "reembed", "not confirmed; \(refusal)") }
  }
}
