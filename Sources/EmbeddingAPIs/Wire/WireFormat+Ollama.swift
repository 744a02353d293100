import Backfill

extension WireFormat {
  /// Ollama's own `/api/embed`: its OpenAI door cuts long texts in silence and can't be told not to. It says a vector's text
  /// by order alone.
  package static let ollama = WireFormat(
    name: "ollama", path: "/api/embed", texts: .strings("input"), fields: ["truncate": .boolean(false)],
    reply: ReplyShape(list: [["embeddings"]], model: "model", usage: [["prompt_eval_count"]]))
}
