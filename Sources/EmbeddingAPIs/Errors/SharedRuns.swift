import Foundation

/// Finds in a server's words what stands in a request too: runs of so many bytes, whatever the case of ASCII letters.
struct SharedRuns {
  private let length: Int
  /// The runs of the word, each by its first eight bytes.
  private let starts: Set<UInt64>
  private let runs: Set<[UInt8]>
  /// A bit for each start, by its hash: most places of a long text are passed over by a look at it.
  private var filter = [Bool](repeating: false, count: 1 << 12)

  /// - Parameter length: at least 8, the bytes of a run.
  init(in forms: [[UInt8]], length: Int) {
    self.length = length
    var runs: Set<[UInt8]> = []
    for form in forms where form.count >= length {
      for start in 0...form.count - length { runs.insert(form[start..<start + length].map(\.lowercasedASCII)) }
    }
    self.runs = runs
    starts = Set(runs.map { $0.withUnsafeBytes { SharedRuns.start(of: $0, at: 0) } })
    for start in starts { filter[SharedRuns.hash(start)] = true }
  }

  /// Whether a run stands in `text`.
  func stand(in text: String) -> Bool { !shared(with: text, onlyFirst: true).isEmpty }

  /// The runs that stand in `text`.
  func shared(with text: String, onlyFirst: Bool = false) -> Set<[UInt8]> {
    var shared: Set<[UInt8]> = []
    guard !runs.isEmpty, text.utf8.count >= length else { return shared }
    var text = text
    text.withUTF8 { bytes in
      let raw = UnsafeRawBufferPointer(bytes)
      for offset in 0...bytes.count - length {
        let start = SharedRuns.start(of: raw, at: offset)
        guard filter[SharedRuns.hash(start)], starts.contains(start) else { continue }
        let run = bytes[offset..<offset + length].map(\.lowercasedASCII)
        if runs.contains(run) { shared.insert(run) }
        if onlyFirst, !shared.isEmpty { return }
      }
    }
    return shared
  }

  private static func start(of bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
    // This bit is the difference between "A" and "a". It makes a few other bytes equal too; the runs are compared after it.
    bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) | 0x2020_2020_2020_2020
  }

  private static func hash(_ start: UInt64) -> Int { Int((start &* 0x9E37_79B9_7F4A_7C15) >> 52) }
}

extension UInt8 {
  var lowercasedASCII: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }
}
