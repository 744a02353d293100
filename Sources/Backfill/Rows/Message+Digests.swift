extension Sequence<Message> {
  /// The digests of the rows' texts; without the rows whose text is blank or can't be read.
  package var digests: [RowKey: TextDigest] {
    Dictionary(
      compactMap { row in row.text.flatMap { $0.isBlank ? nil : (row.key, TextDigest(of: $0)) } },
      uniquingKeysWith: { first, _ in first })
  }
}
