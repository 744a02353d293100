extension Conductor {
  /// Whether the source is read for rows with a vector of an earlier text.
  package func readsEdited(_ source: Int) -> Bool { sources[source].rows == .edited }

  /// The sources of which each row was found that lacked a vector, or had one of an earlier text.
  package var searched: [Int] { sources.indices.filter { sources[$0].isSearched } }

  /// The sources of which each edited row was found and has its vector.
  package var searchedEdits: [Int] { sources.indices.filter { sources[$0].hasSearchedEdits } }
}
