import Foundation
import TestSupport

extension Scene {
  /// Writes the job with one source in place of both, e.g. "table: m".
  func write(source: String, _ more: String = "") throws {
    let tables = "  - table: chat_messages\n  - table: standalone_chat_messages\n"
    try write(spec: spec.replacing(tables, with: "  - \(source)\n") + "\n\(more)")
  }

  /// A machine that has seen nothing of it: another state folder, and another ledger.
  func elsewhere(_ name: String) -> [String: String?] {
    ["XDG_STATE_HOME": folder.file("\(name)-state"), "VECFILL_LEDGER": folder.file("\(name).db")]
  }

  /// `vecfill run` of the same job with another model.
  func fillByOther(_ changes: [String: String?] = [:], _ arguments: [String] = []) async throws -> VecfillProcess.Exit {
    try await fill(["--model", "other"] + arguments, changes)
  }
}

extension VecfillProcess.Exit {
  /// Whether it was refused, and shows that the column holds vectors of `held` and the job makes those of `made`.
  func refuses(_ held: String = "text-embedding-3-small", _ made: String = "other") -> Bool {
    code == 78 && errors.contains("holds vectors of [model=\(held)") && errors.contains("makes [model=\(made)")
  }
}

extension EmbeddingsServer.Options {
  /// A server with two models.
  static var ofTwoModels: EmbeddingsServer.Options {
    var options = EmbeddingsServer.Options()
    options.otherModels = ["other"]
    return options
  }
}
