import Foundation

extension MigrationSet {
  /// The label of what ships with vecfill, and of records from before they had labels.
  package static let shippedLabel = "jobs/migrations"

  static func label(ofJob name: String) -> String { "job \(name)" }

  /// The last two parts of the folder's path: the same on each machine that has the project.
  static func label(of folder: String) -> String {
    let parts = URL(fileURLWithPath: folder).standardizedFileURL.pathComponents.filter { $0 != "/" }
    let label = parts.suffix(2).joined(separator: "/")
    return label == "vecfill/migrations" ? shippedLabel : label
  }

  /// The records of this set among all that a database has, and the label that they are kept under.
  ///
  /// A folder that was moved or renamed is known by its migrations: most of what is recorded is in its files, unchanged.
  /// Else nothing in it would count as applied, and all of it would be run again.
  package func own(_ records: [MigrationRecord]) -> (label: String, records: [MigrationRecord]) {
    let byLabel = Dictionary(grouping: records, by: \.folder)
    if byLabel[label] == nil, !isOfJob {
      for (label, records) in byLabel.sorted(by: { $0.key < $1.key }) {
        let same = records.count { record in
          self[record.version].map { $0.name == record.name && $0.checksum == record.checksum } ?? false
        }
        if same * 2 > records.count { return (label, records) }
      }
    }
    return (label, byLabel[label] ?? [])
  }
}
