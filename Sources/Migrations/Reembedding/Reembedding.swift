import Foundation
import Postgres

/// The change of one column to another model, as its database records it: how far it is, and what was decided.
///
/// The new vectors are made in a column beside the one that the application reads. Once they are all there, the two change
/// their names in one transaction, and the former column stays for some days.
package struct Reembedding: Equatable, Sendable {
  /// What is to be done next. The one before is done by then, for good.
  package enum Step: String, CaseIterable, Comparable, Sendable {
    /// The column is there; the index by which its missing rows are found is next.
    case find
    case fill
    /// The vector indexes of the new column.
    case index
    case compare
    case `switch`
    /// The columns have changed their names; rows that came in between are filled.
    case rest
    /// The former column waits for its end.
    case keep

    package static func < (one: Step, other: Step) -> Bool {
      (allCases.firstIndex(of: one) ?? 0) < (allCases.firstIndex(of: other) ?? 0)
    }
  }

  /// The model that the column is to hold vectors of.
  package struct Target: Equatable, Sendable {
    /// As `--provider` names it; nil for the job's own.
    package let provider: String?
    package let model: String
    package let dimensions: Int

    package init(provider: String?, model: String, dimensions: Int) {
      self.provider = provider
      self.model = model
      self.dimensions = dimensions
    }
  }

  /// The names of an index of the new column, and of the one that it stands for.
  package struct IndexNames: Codable, Hashable, Sendable {
    package var schema: String
    /// As the application knows it: the former column's before the switch, the new one's after it.
    package var name: String
    /// The new column's before the switch.
    package var new: String
    /// The former column's after the switch.
    package var former: String

    package init(schema: String, name: String) {
      self.schema = schema
      self.name = name
      new = Reembedding.beside(name, "_new")
      former = Reembedding.beside(name, "_old")
    }
  }

  package let table: SQLName
  /// As the application knows it.
  package let column: String
  package var step = Step.find
  /// The job that it is done for.
  package let job: String
  /// The model whose vectors the column held.
  package let former: String
  package let target: Target
  /// Days that the former column is kept after the switch.
  package var keepDays: Int
  package var indexes: [IndexNames] = []
  /// What the comparison showed, in words.
  package var comparison: String?
  package var switchedAt: Date?
  /// Whether somebody dropped the column beside by hand, and triggers of the change are still there.
  package var isHalfDropped = false

  package init(table: SQLName, column: String, job: String, former: String, target: Target, keepDays: Int) {
    self.table = table
    self.column = column
    self.job = job
    self.former = former
    self.target = target
    self.keepDays = keepDays
  }
}

extension Reembedding {
  package var isSwitched: Bool { step == .rest || step == .keep }

  /// Where the vectors of the new model are now.
  package var newColumn: String { isSwitched ? column : Self.beside(column, "_new") }

  /// Where the vectors of the former model are now.
  package var formerColumn: String { isSwitched ? Self.beside(column, "_old") : column }

  /// The one that the application doesn't read.
  package var columnBeside: String { isSwitched ? formerColumn : newColumn }

  /// From when on `--finish` needs no consent; nil before the switch.
  package var keptUntil: Date? { switchedAt.map { $0.addingTimeInterval(Double(keepDays) * 86_400) } }

  /// "messages.embedding", as a person reads it.
  package var place: String { "\(tableName).\(column)" }

  /// As a person reads it: the schema "public" goes without saying.
  package var tableName: String { table.schema == "public" ? table.name : "\(table)" }

  /// `name` with `suffix`, cut to PostgreSQL's 63 bytes.
  package static func beside(_ name: String, _ suffix: String) -> String {
    var stem = name
    while stem.utf8.count + suffix.utf8.count > 63 { stem.removeLast() }
    return stem + suffix
  }
}
