import TestSupport
import Testing

@testable import MessageStores

/// Each float's text against `Float.description`.
@Suite struct FloatTextTests {
  @Test
  func
    `zeros, the least and greatest, powers of two and of ten, and their neighbours are written as Swift writes them`()
  {
    var values: [Float] = [0, 1, .pi, 0.1, 1e-4, 9.9999e-5, 1e-5, 123_456.7, 99_999_992]
    values += [.leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude, .ulpOfOne]
    values += (-149...127).map { Float(sign: .plus, exponent: $0, significand: 1) }
    values += (-45...38).compactMap { Float("1e\($0)") }
    values += (0...100).map { Float(16_777_166 + $0) }
    for value in values.flatMap({ [$0, $0.nextUp, $0.nextDown] }) where value.isFinite {
      for signed in [value, -value] { #expect(Self.text(signed) == signed.description) }
    }
  }

  @Test func `floats of any bits, and such as vectors have, are written as Swift writes them`() {
    var bits = SeededGenerator.printed()
    for _ in 0..<200_000 {
      let word = bits.next()
      let any = Float(bitPattern: UInt32(truncatingIfNeeded: word))
      let subnormal = Float(bitPattern: UInt32(truncatingIfNeeded: word) & 0x807F_FFFF)
      let usual = Float(Int32(truncatingIfNeeded: word >> 32)) * 0x1p-33
      let short = Float(Int(word >> 40 & 0xFFFF)) / 1_000
      for value in [any, subnormal, usual, short] where value.isFinite {
        guard Self.text(value) != value.description else { continue }
        Issue.record("\(value.description) is written as \(Self.text(value))")
        return
      }
    }
  }

  private static func text(_ value: Float) -> String {
    String(unsafeUninitializedCapacity: FloatText.room) { text in
      text.baseAddress.map { FloatText.write(value, to: $0) } ?? 0
    }
  }
}
