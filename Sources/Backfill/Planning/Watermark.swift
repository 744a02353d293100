/// The key up to which everything of a sweep is settled, though its batches end in any order.
///
/// It moves by whole pages, since a batch may hold rows of its page that lie behind another batch's.
package struct Watermark: Equatable, Sendable {
  private struct Page: Equatable {
    let number: Int
    let lastKey: RowKey
    var open: Int
  }

  private var pages: [Page] = []

  package init() {}

  /// A page was read, of which `batches` have to end.
  package mutating func opened(page: Int, lastKey: RowKey, batches: Int) {
    pages.append(Page(number: page, lastKey: lastKey, open: batches))
  }

  /// A batch of the page was split in two.
  package mutating func split(page: Int) {
    change(page, by: 1)
  }

  /// A batch of the page has ended durably.
  package mutating func settled(page: Int) {
    change(page, by: -1)
  }

  /// The last key of the pages that have ended with all pages before them, told once; nil if it hasn't moved.
  package mutating func advance() -> RowKey? {
    let ended = pages.prefix { $0.open == 0 }
    defer { pages.removeFirst(ended.count) }
    return ended.last?.lastKey
  }

  private mutating func change(_ number: Int, by difference: Int) {
    guard let index = pages.firstIndex(where: { $0.number == number }) else { return }
    pages[index].open += difference
  }
}
