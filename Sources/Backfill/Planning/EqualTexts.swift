/// What a page needs to know when it is read, so that a text on several pages is paid once.
package struct EqualTexts: Equatable, Sendable {
  /// Texts that are asked for, or wait to be written: a row with one of them is left to a later sweep, which finds the
  /// vector in the column.
  package let awaited: Set<TextDigest>
  /// Whether rows may be left to a later sweep at all.
  package let mayDefer: Bool
  /// The batch for the page's rows whose vector another row of the column has.
  package let copies: BatchID

  package init(awaited: Set<TextDigest>, mayDefer: Bool, copies: BatchID) {
    self.awaited = awaited
    self.mayDefer = mayDefer
    self.copies = copies
  }
}

/// The texts of pages that have batches which have not ended durably.
///
/// 32 bytes a row of the pages that are under way: no more than a run reads ahead (P8).
struct AwaitedTexts: Sendable {
  private struct Page {
    let texts: Set<TextDigest>
    var open: Int
  }

  private var pages: [Int: Page] = [:]

  var all: Set<TextDigest> { pages.values.reduce(into: []) { $0.formUnion($1.texts) } }

  /// A page was read, of which `batches` have to end.
  mutating func opened(page: Int, _ texts: Set<TextDigest>, batches: Int) {
    guard !texts.isEmpty else { return }
    pages[page] = Page(texts: texts, open: batches)
  }

  /// A batch of the page became `parts` batches.
  mutating func split(page: Int, into parts: Int) { pages[page]?.open += parts - 1 }

  /// A batch of the page has ended.
  mutating func ended(page: Int) { pages[page]?.open -= 1 }

  /// All that has ended is durable.
  mutating func settled() { pages = pages.filter { $0.value.open > 0 } }
}
