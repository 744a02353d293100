extension String {
  /// The name as an SQL identifier that keeps its case, its spaces and its quotes.
  package var quotedIdentifier: String {
    "\"\(replacing("\"", with: "\"\""))\""
  }
}
