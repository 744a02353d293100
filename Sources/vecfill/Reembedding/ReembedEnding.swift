import Backfill
import Foundation
import Migrations

/// What ends the change of a job's columns, or takes it back.
struct ReembedEnding {
  let task: ReembedTask
  let consent: Consent

  /// Drops the new columns.
  func abandon() async throws {
    let parts = try await parts(.abandon)
    for part in parts {
      Console.standard.log(
        "drops \(part.reembedding.newColumn) of \(part.reembedding.tableName), and what it holds is paid for")
    }
    try consent.ask("Drop it?", else: "nothing was changed")
    try await task.connected { try await $0.abandon(parts) }
    print("abandoned: \(names(parts)) \(parts.count == 1 ? "stays as it is" : "stay as they are")")
  }

  /// Changes the names back.
  func undo() async throws {
    let parts = try await parts(.undo)
    try await task.connected { try await $0.change(parts, to: .fill) }
    print(
      "undone: \(names(parts)) \(Self.hold(parts)) vectors of \(parts[0].reembedding.former) again. "
        + "Rows that came since the switch have no vector of it: `vecfill run` of the job with that model fills them. "
        + "\(task.again) switches once more, --abandon drops the new column")
  }

  /// Drops the former columns.
  func finish() async throws {
    let parts = try await parts(.finish(isConsented: consent.isGiven))
    for (_, reembedding) in parts {
      Console.standard.log("drops \(reembedding.formerColumn) of \(reembedding.tableName)")
    }
    try await task.connected { try await $0.finish(parts) }
    print("finished: \(names(parts)) \(Self.hold(parts)) vectors of \(parts[0].reembedding.target)")
  }

  private func parts(_ request: ReembeddingRequest) async throws -> [Reembedder.Part] {
    let parts = try await task.parts()
    guard !parts.isEmpty else {
      throw Failure(
        .usage, "reembed", "no column of the job is being changed to another model", remedy: "begin it with --to MODEL")
    }
    for part in parts { try part.reembedding.admit(request, at: Date()) }
    return parts
  }

  static func hold(_ parts: [Reembedder.Part]) -> String { parts.count == 1 ? "holds" : "hold" }

  private func names(_ parts: [Reembedder.Part]) -> String {
    parts.map(\.reembedding.place).joined(separator: ", ")
  }
}
