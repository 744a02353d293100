extension WireFormat {
  /// The Gemini API's `:batchEmbedContents`. It tells a vector's text by order alone, and no billed tokens.
  package static let gemini = WireFormat(
    name: "gemini", path: "/models/{model}:batchEmbedContents",
    texts: .objects("requests", before: #""content":{"parts":[{"text":"#, after: "}]}"), modelPrefix: "models/",
    dimensionsField: "outputDimensionality", keyHeader: .googleAPIKey,
    reply: ReplyShape(list: [["embeddings"]], vector: "values"))
}
