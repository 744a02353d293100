extension WireFormat {
  /// OpenAI's `/embeddings`, as Azure, Voyage, Mistral, Jina, DashScope, NVIDIA NIM and most servers and gateways speak it,
  /// with names and fields of their own.
  package static let openAI = WireFormat(
    name: "openai", path: "/embeddings", texts: .strings("input"), encodingField: "encoding_format",
    encodings: [.base64, .float, .unsaid],
    reply: ReplyShape(
      list: [["data"]], vector: "embedding", index: "index", model: "model",
      // Voyage reports only the total.
      usage: [["usage", "prompt_tokens"], ["usage", "total_tokens"]]))
}
