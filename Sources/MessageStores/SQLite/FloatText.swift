/// The shortest text that reads back as the same float: letter by letter what `Float.description` writes, which takes
/// several times as long and a string for each.
///
/// Source: Raffaello Giulietti, "The Schubfach way to render doubles", as Alexander Bolz wrote it for floats in
/// https://github.com/abolz/Drachennest, `schubfach_32.cc`.
enum FloatText {
  /// The most bytes of a text.
  static let mostBytes = 15
  /// The bytes that a text is written into: what is behind its end is of no meaning.
  static let room = 24

  /// Writes `value`, which must be finite, to `start`, where there must be `room`; returns the number of bytes.
  static func write(_ value: Float, to start: UnsafeMutablePointer<UInt8>) -> Int {
    // What differs from number to number at random is chosen without a branch, which would be mispredicted.
    var end = start
    end.pointee = UInt8(ascii: "-")
    end += Int(value.bitPattern >> 31)
    if value == 0 {
      end.put("0")
      end.put(".")
      end.put("0")
      return end - start
    }
    let (digits, exponent) = decimal(value.magnitude)
    // Nine digits, the last of which may be zeros: the first, the eight behind it, and how many there are without the zeros.
    let length = digits.digitCount
    let nine = digits &* powersOfTenAsNumbers[9 &- length]
    let first = UInt8(truncatingIfNeeded: nine / 100_000_000)
    let others = eightDigits(nine % 100_000_000)
    let count = 9 &- others.leadingZeroBitCount &>> 3
    // Where the point stands, counted from the first digit.
    let point = length &+ exponent
    if (-3...0).contains(point) {
      end.putZeros()
      end += 2 &- point
      end.put(first)
      end.put(others)
      end += count &- 1
    } else if value.magnitude > 16_777_216 || point < -3 {
      end.put(first)
      end.put(".")
      end.put(others)
      end += count > 1 ? count - 1 : -1
      end.put("e")
      end.put(point < 1 ? "-" : "+")
      let power = UInt8(truncatingIfNeeded: (point - 1).magnitude)
      end.put(power / 10)
      end.put(power % 10)
    } else {
      // Zeros stand behind the digits, so that it is enough to set the point between them.
      end.put(first)
      end.put(others)
      end += point - 1
      end.put(".")
      end.put(point > 8 ? 0 : others &>> UInt64(8 * (point - 1)))
      end += max(1, count - point)
    }
    return end - start
  }

  /// The eight digits of `number`, each in a byte, the first in the lowest.
  private static func eightDigits(_ number: UInt32) -> UInt64 {
    // Two halves of four digits, four of two, eight of one: each is divided at once with the others.
    let upper = number / 10_000
    let fours = UInt64(upper) | UInt64(number &- upper &* 10_000) << 32
    let hundreds = (fours &* 10_486) >> 20 & 0x0000_007F_0000_007F
    let twos = hundreds | (fours &- hundreds &* 100) << 16
    let tens = (twos &* 103) >> 10 & 0x000F_000F_000F_000F
    return tens | (twos &- tens &* 10) << 8
  }

  /// The decimal number of fewest digits among those that read back as `value`, which must be positive, and of these the
  /// nearest one: `digits * 10^exponent`.
  private static func decimal(_ value: Float) -> (digits: UInt32, exponent: Int) {
    let fraction = value.significandBitPattern
    let biased = Int(value.exponentBitPattern)
    let c = biased > 0 ? fraction | 1 << 23 : fraction
    let q = max(biased, 1) - 150
    if (-23...0).contains(q), c & (1 << UInt32(-q) - 1) == 0 { return (c >> UInt32(-q), 0) }
    // Of a power of two the next lower float is half as far.
    let isLowerNearer: Int = fraction == 0 && biased > 1 ? 1 : 0
    let k = (q * 1_262_611 - isLowerNearer * 524_031) >> 22
    let h = UInt32(truncatingIfNeeded: q &+ (-k &* 1_741_647) &>> 19 &+ 1)
    let power = powersOfTen[31 &- k]
    // An odd significand's bounds read back as its neighbours.
    let odd = c & 1
    let lower = roundedToOdd(power, (4 &* c &- 2 &+ UInt32(isLowerNearer)) &<< h) &+ odd
    let middle = roundedToOdd(power, 4 &* c &<< h)
    let upper = roundedToOdd(power, (4 &* c &+ 2) &<< h) &- odd
    // The number with a digit less, if one of the two beside the value is within the bounds; else that with all digits, if
    // one of the two is; else the nearer one.
    let s = middle / 4
    let tens = s / 10
    let (isTenBelow, isTenAbove) = (bit(lower <= 40 &* tens), bit(40 &* tens &+ 40 <= upper))
    let (isBelow, isAbove) = (bit(lower <= 4 &* s), bit(4 &* s &+ 4 <= upper))
    let half = 4 &* s &+ 2
    let isNearerAbove = bit(middle > half) | bit(middle == half) & s
    let takesTen = 0 &- ((isTenBelow ^ isTenAbove) & bit(s >= 10))
    let isInBounds = 0 &- (isBelow ^ isAbove)
    let byTen = 10 &* (tens &+ isTenAbove)
    let byOne = s &+ (isAbove & isInBounds | isNearerAbove & 1 & ~isInBounds)
    return (byTen & takesTen | byOne & ~takesTen, k)
  }

  private static func bit(_ isSo: Bool) -> UInt32 { isSo ? 1 : 0 }

  /// The upper bits of the product, of which the last is one where any below is.
  private static func roundedToOdd(_ power: UInt64, _ factor: UInt32) -> UInt32 {
    let product = power.multipliedFullWidth(by: UInt64(factor))
    return UInt32(truncatingIfNeeded: product.high) | (product.low >> 32 > 1 ? 1 : 0)
  }

  private static let powersOfTenAsNumbers: [UInt32] = [
    1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000,
  ]

  /// 10^-31 to 10^45, each as 64 bits that begin with a one, rounded up.
  private static let powersOfTen: [UInt64] = [
    0x81CE_B32C_4B43_FCF5, 0xA242_5FF7_5E14_FC32, 0xCAD2_F7F5_359A_3B3F, 0xFD87_B5F2_8300_CA0E,
    0x9E74_D1B7_91E0_7E49, 0xC612_0625_7658_9DDB, 0xF796_87AE_D3EE_C552, 0x9ABE_14CD_4475_3B53,
    0xC16D_9A00_9592_8A28, 0xF1C9_0080_BAF7_2CB2, 0x971D_A050_74DA_7BEF, 0xBCE5_0864_9211_1AEB,
    0xEC1E_4A7D_B695_61A6, 0x9392_EE8E_921D_5D08, 0xB877_AA32_36A4_B44A, 0xE695_94BE_C44D_E15C,
    0x901D_7CF7_3AB0_ACDA, 0xB424_DC35_095C_D810, 0xE12E_1342_4BB4_0E14, 0x8CBC_CC09_6F50_88CC,
    0xAFEB_FF0B_CB24_AAFF, 0xDBE6_FECE_BDED_D5BF, 0x8970_5F41_36B4_A598, 0xABCC_7711_8461_CEFD,
    0xD6BF_94D5_E57A_42BD, 0x8637_BD05_AF6C_69B6, 0xA7C5_AC47_1B47_8424, 0xD1B7_1758_E219_652C,
    0x8312_6E97_8D4F_DF3C, 0xA3D7_0A3D_70A3_D70B, 0xCCCC_CCCC_CCCC_CCCD, 0x8000_0000_0000_0000,
    0xA000_0000_0000_0000, 0xC800_0000_0000_0000, 0xFA00_0000_0000_0000, 0x9C40_0000_0000_0000,
    0xC350_0000_0000_0000, 0xF424_0000_0000_0000, 0x9896_8000_0000_0000, 0xBEBC_2000_0000_0000,
    0xEE6B_2800_0000_0000, 0x9502_F900_0000_0000, 0xBA43_B740_0000_0000, 0xE8D4_A510_0000_0000,
    0x9184_E72A_0000_0000, 0xB5E6_20F4_8000_0000, 0xE35F_A931_A000_0000, 0x8E1B_C9BF_0400_0000,
    0xB1A2_BC2E_C500_0000, 0xDE0B_6B3A_7640_0000, 0x8AC7_2304_89E8_0000, 0xAD78_EBC5_AC62_0000,
    0xD8D7_26B7_177A_8000, 0x8786_7832_6EAC_9000, 0xA968_163F_0A57_B400, 0xD3C2_1BCE_CCED_A100,
    0x8459_5161_4014_84A0, 0xA56F_A5B9_9019_A5C8, 0xCECB_8F27_F420_0F3A, 0x813F_3978_F894_0985,
    0xA18F_07D7_36B9_0BE6, 0xC9F2_C9CD_0467_4EDF, 0xFC6F_7C40_4581_2297, 0x9DC5_ADA8_2B70_B59E,
    0xC537_1912_364C_E306, 0xF684_DF56_C3E0_1BC7, 0x9A13_0B96_3A6C_115D, 0xC097_CE7B_C907_15B4,
    0xF0BD_C21A_BB48_DB21, 0x9676_9950_B50D_88F5, 0xBC14_3FA4_E250_EB32, 0xEB19_4F8E_1AE5_25FE,
    0x92EF_D1B8_D0CF_37BF, 0xB7AB_C627_0503_05AE, 0xE596_B7B0_C643_C71A, 0x8F7E_32CE_7BEA_5C70,
    0xB35D_BF82_1AE4_F38C,
  ]
}

extension UInt32 {
  /// At most nine.
  fileprivate var digitCount: Int {
    if self >= 1_000_000 { return 7 &+ (self >= 10_000_000 ? 1 : 0) &+ (self >= 100_000_000 ? 1 : 0) }
    var (count, bound) = (1, UInt32(10))
    while self >= bound {
      count += 1
      bound *= 10
    }
    return count
  }
}

extension UnsafeMutablePointer<UInt8> {
  fileprivate mutating func put(_ character: Unicode.Scalar) {
    pointee = UInt8(ascii: character)
    self += 1
  }

  fileprivate mutating func put(_ digit: UInt8) {
    pointee = UInt8(ascii: "0") &+ digit
    self += 1
  }

  /// Writes "0.000" and more of no meaning, and stays where it is.
  fileprivate func putZeros() {
    UnsafeMutableRawPointer(self).storeBytes(of: UInt64(0x30_3030_2E30).littleEndian, as: UInt64.self)
  }

  /// Writes eight digits, and stays where it is.
  fileprivate func put(_ digits: UInt64) {
    let text = (digits | 0x3030_3030_3030_3030).littleEndian
    UnsafeMutableRawPointer(self).storeBytes(of: text, as: UInt64.self)
  }
}
