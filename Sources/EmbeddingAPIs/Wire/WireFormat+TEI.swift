import Backfill

extension WireFormat {
  /// The `/embed` of Text Embeddings Inference, which serves one model and answers with the list of vectors alone.
  package static let tei = WireFormat(
    name: "tei", path: "/embed", texts: .strings("inputs"), modelField: nil, fields: ["truncate": .boolean(false)],
    reply: ReplyShape(list: [], usageHeader: "x-compute-tokens"))
}
