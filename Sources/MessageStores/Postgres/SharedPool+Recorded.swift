import Backfill
import Foundation

extension SharedPool {
  /// As the table has it; a pool that nothing is recorded of is new at `now`.
  ///
  /// Throws a `Failure` where it is one that only a newer version understands.
  init(recorded text: String, at now: Double, in table: String) throws {
    guard !text.isEmpty else {
      self.init(at: now)
      return
    }
    do {
      self = try JSONDecoder().decode(SharedPool.self, from: Data(text.utf8))
    } catch is DecodingError {
      throw Failure(
        .configuration, table, "it holds what this version doesn't understand",
        remedy: "use the newest vecfill everywhere, or drop the table while no run goes on")
    }
  }

  func recorded() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}
