extension String {
  /// The columns that it takes at a terminal.
  var displayWidth: Int { reduce(0) { $0 + $1.displayWidth } }

  /// Without control characters, which could steer a terminal, and cut between words where it has more columns.
  func fitted(to width: Int) -> String {
    let clean = String(
      String.UnicodeScalarView(unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    guard clean.displayWidth > width else { return clean }
    var fitted = ""
    for word in clean.split(separator: " ") {
      let longer = fitted.isEmpty ? String(word) : "\(fitted) \(word)"
      guard longer.displayWidth + 2 <= width else { break }
      fitted = longer
    }
    return fitted.isEmpty ? "" : fitted + " …"
  }
}

extension Character {
  /// 2 for what East Asian scripts and emoji take, 0 for what stands above another character, else 1.
  var displayWidth: Int {
    guard let first = unicodeScalars.first else { return 0 }
    if first.properties.isEmojiPresentation || unicodeScalars.contains("\u{FE0F}") { return 2 }
    if Character.wide.contains(where: { $0.contains(first.value) }) { return 2 }
    switch first.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format, .control: return 0
    default: return 1
    }
  }

  /// Unicode's East_Asian_Width W and F, in blocks.
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
    0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF01...0xFF60,
    0xFFE0...0xFFE6, 0x1F200...0x1F2FF, 0x20000...0x3FFFD,
  ]
}
