extension WireFormat {
  /// The Gemini API's `:batchEmbedContents`. Only the order shows which text a vector is of, and no billed tokens are reported.
  package static let gemini = WireFormat(
    name: "gemini", path: "/models/{model}:batchEmbedContents",
    texts: .objects("requests", before: #""content":{"parts":[{"text":"#, after: "}]}"), modelPrefix: "models/",
    dimensionsField: "outputDimensionality", keyHeader: .googleAPIKey,
    reply: ReplyShape(list: [["embeddings"]], vector: "values"))
}
