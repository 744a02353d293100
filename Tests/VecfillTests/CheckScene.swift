import Foundation
import TestSupport
import Testing

/// What `vecfill check --json` told.
struct Checked: Decodable {
  struct Line: Decodable {
    let about: String
    let check: String
    let mark: String
    let found: String
    let next: String?
    let exitCode: Int32?
  }

  let checks: [Line]
  let failed: Int
  let warnings: Int
  let exitCode: Int32
  let catalogueEntry: String?

  /// The lines of one check.
  func lines(_ check: String, about: String? = nil) -> [Line] {
    checks.filter { $0.check == check && (about == nil || about == $0.about) }
  }

  /// The mark of a check's first line.
  func mark(_ check: String, about: String? = nil) -> String? { lines(check, about: about).first?.mark }
}

extension Scene {
  /// `vecfill check job.yaml --json`, to its end.
  func check(
    _ arguments: [String] = [], _ changes: [String: String?] = [:]
  ) async throws -> (told: Checked, exit: VecfillProcess.Exit) {
    let exit = try await start(["check", "job.yaml", "--json"] + arguments, changes).exit()
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do {
      return (try decoder.decode(Checked.self, from: Data(exit.output.utf8)), exit)
    } catch {
      throw SceneError(description: "\(exit.output)\(exit.errors)")
    }
  }
}
