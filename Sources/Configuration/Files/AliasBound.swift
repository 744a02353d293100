/// How long a YAML text is at most once each alias is replaced by what it stands for: a few lines of aliases of aliases can
/// stand for billions of values.
///
/// It is found before the text is parsed, since a parser compares keys, aliases and all. What an anchor names has ended where
/// its first alias stands, so it is no longer than what lies between them.
struct AliasBound {
  /// In bytes; `Int.max` where it is more than that.
  private(set) var bytes = 0
  private var anchors: [[UInt8]: Anchor] = [:]

  private struct Anchor {
    let start: Int
    /// nil until an alias stands for it.
    var length: Int?
    /// Whether its name is given to another as well, so that an alias may stand for either.
    var isShared = false
  }

  init(_ text: String) {
    let text = Array(text.utf8)
    var position = 0
    while position < text.count {
      let mark = text[position]
      add(1)
      position += 1
      guard mark == UInt8(ascii: "&") || mark == UInt8(ascii: "*") else { continue }
      let name = Array(text[position...].prefix(while: \.isOfName))
      guard !name.isEmpty else { continue }
      if mark == UInt8(ascii: "&") {
        if anchors[name] == nil { anchors[name] = Anchor(start: bytes) } else { anchors[name]?.isShared = true }
      } else if var anchor = anchors[name] {
        let length = anchor.isShared ? bytes - anchor.start : anchor.length ?? bytes - anchor.start
        anchor.length = length
        anchors[name] = anchor
        add(length)
      }
    }
  }

  private mutating func add(_ count: Int) {
    let (sum, overflows) = bytes.addingReportingOverflow(count)
    bytes = overflows ? .max : sum
  }
}

extension UInt8 {
  /// Whether the name of an anchor may have it.
  fileprivate var isOfName: Bool {
    (0x30...0x39).contains(self) || (0x41...0x5A).contains(self & ~0x20) || self == UInt8(ascii: "_")
      || self == UInt8(ascii: "-")
  }
}
