extension String {
  /// The name as an SQL identifier that keeps its case, its spaces and its quotes.
  package var quotedIdentifier: String {
    // By scalars: to a String a quote with a combining mark behind it is another character.
    "\"\(unicodeScalars.map { $0 == "\"" ? "\"\"" : "\($0)" }.joined())\""
  }
}
