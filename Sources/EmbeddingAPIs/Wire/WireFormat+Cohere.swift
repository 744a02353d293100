import Backfill

extension WireFormat {
  /// Cohere's `/v2/embed`. Only the order shows which text a vector is of. It refuses a request without `input_type`.
  package static let cohere = WireFormat(
    name: "cohere", path: "/v2/embed", texts: .strings("texts"), dimensionsField: "output_dimension",
    encodingField: "embedding_types", listsEncodings: true, encodings: [.float, .unsaid],
    fields: ["truncate": .string("NONE")], documentFields: ["input_type": .string("search_document")],
    queryFields: ["input_type": .string("search_query")],
    reply: ReplyShape(
      list: [["embeddings"], ["float", "base64"]], usage: [["meta", "billed_units", "input_tokens"]]))
}
