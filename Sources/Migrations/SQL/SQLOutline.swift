/// A statement of somebody else's as it may be shown: without its strings and numbers, which can be message text (P10).
package struct SQLOutline: CustomStringConvertible, Sendable {
  package let description: String

  /// The first 120 characters at most; a quote that is left open ends it.
  package init(of sql: String) {
    var text = ""
    for token in SQLLexer.leadingTokens(of: sql, .postgres) {
      let isHidden = token.kind == .string || token.kind == .number
      let joins =
        token.isSymbol(".") || token.isSymbol(",") || token.isSymbol(")") || text.hasSuffix(".") || text.hasSuffix("(")
      text += (text.isEmpty || joins ? "" : " ") + (isHidden ? "?" : token.text)
      guard text.count <= 120 else { break }
    }
    description = text.count > 120 ? text.prefix(119) + "…" : text
  }
}
