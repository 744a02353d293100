/// What is known of where a column's vectors come from, before anything is paid for more of them (P4).
package struct Provenance: Sendable {
  /// The fingerprint that the database, or else the ledger, has recorded for the column; nil where neither has one.
  package let recorded: Fingerprint?
  package let content: Content

  /// What the column holds.
  package enum Content: Sendable {
    case none
    case some
    /// No vector was found in the time that a look may take.
    case notFound
  }

  package enum Verdict: Equatable, Sendable {
    /// The column is the job's: it is empty, or holds vectors of the job's own fingerprint.
    case fills
    /// Nobody recorded what its vectors are made of: a few of its rows are embedded again and compared.
    case compares
    /// It holds vectors of this other fingerprint.
    case refuses(Fingerprint)
  }

  package init(recorded: Fingerprint?, content: Content) {
    self.recorded = recorded
    self.content = content
  }

  /// - Parameter adopts: whether vectors of unknown origin are taken for the job's own.
  package func verdict(on job: Fingerprint, adopts: Bool) -> Verdict {
    switch (recorded, content) {
    case (let recorded?, _) where recorded.admits(job): .fills
    case (_, .none): .fills
    case (let recorded?, _): .refuses(recorded)
    case (nil, .some): adopts ? .fills : .compares
    case (nil, .notFound): .fills
    }
  }
}

extension FilledSample {
  /// What it says of its column.
  package var content: Provenance.Content { isTimedOut ? .notFound : rows.isEmpty ? .none : .some }
}

extension Job {
  /// Nobody recorded what the vectors of `source` are made of, and no text of its rows could be compared.
  package func incomparable(_ source: Source) -> Failure {
    Failure(
      .configuration, source.column,
      "it holds vectors, nobody recorded of which model, and none of the texts that were looked at could be compared",
      remedy: "add --adopt if they are [\(fingerprint(of: source))], or fill another column")
  }
}
