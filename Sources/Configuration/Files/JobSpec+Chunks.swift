import Backfill
import Yams

/// Sources whose texts are cut into pieces.
extension JobSpec {
  /// The table of the pieces of a source's texts, and how they are cut.
  static func readChunks(_ value: YAMLValue) throws(Failure) -> Chunks {
    let keys = try value.mapping(keys: ["table", "schema", "tokens", "overlap"])
    let name = try readName(keys.required("table"), schema: keys["schema"]?.text(.text))
    let standard = Cutting()
    let tokens = try keys["tokens"]?.integer(Cutting.leastTokens...100_000) ?? standard.tokens
    let overlap = try keys["overlap"]?.integer(0...tokens / 2) ?? min(standard.overlap, tokens / 2)
    return Chunks(schema: name.schema, table: name.table, cutting: Cutting(tokens: tokens, overlap: overlap))
  }

  /// Refuses what can't go with pieces, and columns with names that their table has for its own.
  static func checkPieces(_ source: Source, _ value: YAMLValue) throws(Failure) {
    guard source.chunks != nil else { return }
    guard source.view == nil else {
      throw Failure(
        .configuration, value.place, "\(value.path) can't have chunks with write_to: no view is cut into pieces",
        remedy: "name the table itself, and its text with text:")
    }
    guard source.edits == .ignore else {
      throw Failure(
        .configuration, value.place,
        "\(value.path) can't have chunks with edits: \(source.edits); each run finds edited texts by itself",
        remedy: "set edits: ignore for it")
    }
    guard source.home.name != source.name else {
      throw Failure(
        .configuration, value.place, "\(value.path).chunks.table must be another table than the source's own")
    }
    for name in source.keys + [source.vector] where Chunks.columns.contains(name) {
      throw Failure(
        .configuration, value.place,
        "\(value.path) can't have chunks with a column named \(name), since the pieces' table has one of that name",
        remedy: "name another vector column, or rename the key's")
    }
  }
}
