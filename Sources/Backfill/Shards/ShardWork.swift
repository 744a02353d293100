import Foundation

/// What the shards of a plan do with a table. A run of another job is none of the plan's: its shards would mix two models
/// (P4), or leave out rows.
package struct ShardWork: Codable, Equatable, Sendable {
  package let fingerprint: Fingerprint
  package let keys: [String]
  package let order: RowOrder
  package let condition: String?

  /// - Parameter source: with its key as the database names it.
  package init(_ job: Job, _ source: Source) {
    fingerprint = job.fingerprint(of: source)
    keys = source.keys
    order = source.order
    condition = source.condition
  }

  /// As it is recorded.
  package func recorded() throws -> String { try asciiJSON() }

  /// nil where `recorded` is none of this version's.
  package init?(recorded: String) {
    guard let work = try? JSONDecoder().decode(Self.self, from: Data(recorded.utf8)) else { return nil }
    self = work
  }

  /// In what it is another than `other`, in words; nil where both are the same.
  package func difference(from other: ShardWork) -> String? {
    if fingerprint != other.fingerprint {
      return "makes [\(fingerprint.differing(from: other.fingerprint))], and the plan is for "
        + "[\(other.fingerprint.differing(from: fingerprint))]"
    }
    if keys != other.keys { return "reads by the key (\(keys.joined(separator: ", "))), and the plan is of another" }
    if order != other.order {
      return "says order: \(order.rawValue), and the plan is for order: \(other.order.rawValue)"
    }
    return condition == other.condition ? nil : "has another `where` or `since` than the plan"
  }
}
