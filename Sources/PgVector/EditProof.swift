import Backfill
import Foundation

/// That the marks of edited rows are all there are: what a complete search for edited rows leaves in the database.
///
/// A row that is edited while its trigger is away or off gets no mark. So marks are trusted only where each text was
/// compared with its digest since what makes them is as it is now; else the next run compares them all. The database keeps
/// it in its table of records, so that every machine and every ledger sees it, and what was restored lacks it.
package struct EditProof: Codable, Equatable, Sendable {
  /// What made the marks as the search began: another value once that was made anew, switched off and on, or changed.
  private var marks: String
  /// Which rows were searched: "" for all of the table, else what stands for the source's condition.
  private var rows: [String]

  /// Conditions beyond these are forgotten, and searched again.
  private static let mostConditions = 32

  package init(marks: String, of source: Source) {
    self.marks = marks
    rows = [Self.rows(of: source)]
  }

  /// Whether it holds for all rows of `source` while `marks` make the marks.
  package func admits(_ source: Source, marks: String) -> Bool {
    self.marks == marks && (rows.contains("") || rows.contains(Self.rows(of: source)))
  }

  /// With what an earlier one still proves.
  package func adding(_ earlier: EditProof?) -> EditProof {
    guard let earlier, earlier.marks == marks else { return self }
    var both = self
    both.rows = Array((rows + earlier.rows.filter { !rows.contains($0) }).prefix(Self.mostConditions))
    return both
  }

  /// The same where the marks are made by what was made in place of the former while nobody could edit.
  package func marked(by marks: String) -> EditProof {
    var proof = self
    proof.marks = marks
    return proof
  }

  private static func rows(of source: Source) -> String {
    source.condition.map { Array(TextDigest(of: $0).bytes.prefix(16)).hex } ?? ""
  }

  /// As the database keeps it.
  package init?(recorded: String) {
    guard let proof = try? JSONDecoder().decode(Self.self, from: Data(recorded.utf8)) else { return nil }
    self = proof
  }

  package func recorded() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}
