/// What an export's folder holds and how far it has come: the file beside its parts.
///
/// It is written after each part, so a part that it doesn't count is written again.
package struct ExportManifest: Codable, Equatable, Sendable {
  /// A column whose missing vectors are exported.
  package struct Column: Codable, Equatable, Sendable {
    /// "table.column"
    package let name: String
    /// Stands for the fingerprint in each line.
    package let tag: String
    package let fingerprint: Fingerprint

    package init(name: String, tag: String, fingerprint: Fingerprint) {
      self.name = name
      self.tag = tag
      self.fingerprint = fingerprint
    }
  }

  /// Where an export goes on.
  package struct Place: Codable, Equatable, Sendable {
    /// The place of the table in the job.
    package var source = 0
    /// Whether rows with a vector of an earlier text are read, which come behind those that have none.
    package var isOfEdited = false
    /// nil for the first page.
    package var after: RowKey?

    package init() {}
  }

  /// Rows by what became of them.
  package struct Rows: Codable, Equatable, Sendable {
    package var exported = 0
    package var blank = 0
    package var quarantined = 0
    /// Their text is too long for the model, and the job says that such a one is not sent.
    package var tooLong = 0
    package var unreadable = 0
    /// Their vectors are paid for and wait in the ledger: `vecfill run` writes them.
    package var paid = 0

    package init() {}

    package static func + (a: Rows, b: Rows) -> Rows {
      var sum = a
      sum.exported += b.exported
      sum.blank += b.blank
      sum.quarantined += b.quarantined
      sum.tooLong += b.tooLong
      sum.unreadable += b.unreadable
      sum.paid += b.paid
      return sum
    }
  }

  package let version: Int
  package let job: String
  /// Without its password.
  package let database: String
  package let model: String
  package let dimensions: Int
  package let columns: [Column]
  package let isCompressed: Bool
  package private(set) var parts = 0
  package private(set) var rows = Rows()
  /// nil once all is exported.
  package private(set) var next: Place? = Place()

  package init(
    job: String, database: String, model: String, dimensions: Int, columns: [Column], isCompressed: Bool
  ) {
    version = 1
    self.job = job
    self.database = database
    self.model = model
    self.dimensions = dimensions
    self.columns = columns
    self.isCompressed = isCompressed
  }

  /// Its name in the folder.
  package static let fileName = "vecfill-export.json"

  /// The name of the part that is written next.
  package var nextFile: String {
    let number = String(parts + 1)
    return "requests-" + String(repeating: "0", count: max(0, 6 - number.count)) + number
      + (isCompressed ? ".jsonl.gz" : ".jsonl")
  }

  package var isComplete: Bool { next == nil }

  /// Counts a part that is on the disk; `next` is where the next one begins. One without a line is no file.
  package mutating func add(part rows: Rows, next: Place?) {
    if rows.exported > 0 { parts += 1 }
    self.rows = self.rows + rows
    self.next = next
  }

  /// Why an export that began as this one can't go on as `wanted`, in words; nil where it can.
  package func difference(from wanted: ExportManifest) -> String? {
    if version != wanted.version { return "another version of vecfill wrote it" }
    if job != wanted.job { return "it is of job \(job), and this is \(wanted.job)" }
    if database != wanted.database { return "it is of \(database), and this is \(wanted.database)" }
    if columns.map(\.name) != wanted.columns.map(\.name) {
      return "it is of \(columns.map(\.name).joined(separator: ", "))"
    }
    for (own, other) in zip(columns, wanted.columns) where own != other {
      return
        "its \(own.name) is of [\(own.fingerprint.differing(from: other.fingerprint))], and the job makes [\(other.fingerprint.differing(from: own.fingerprint))]"
    }
    if isCompressed != wanted.isCompressed { return "its parts are \(isCompressed ? "" : "not ")compressed" }
    return nil
  }
}
