import Foundation

extension String {
  /// Its bytes, and those that parts of it are if they are percent-encoded, base64 of either alphabet or hexadecimal,
  /// wherever those begin.
  var disguises: [[UInt8]] {
    var forms = [Array(utf8)]
    if utf8.contains(UInt8(ascii: "%")), let decoded = removingPercentEncoding { forms.append(Array(decoded.utf8)) }
    for part in utf8.split(whereSeparator: { sixBits($0) == nil }) where part.count >= 12 {
      let values = part.compactMap(sixBits)
      for offset in 0..<4 { forms.append(packed(values.dropFirst(offset), bits: 6)) }
    }
    for part in utf8.split(whereSeparator: { fourBits($0) == nil }) where part.count >= 12 {
      let values = part.compactMap(fourBits)
      for offset in 0..<2 { forms.append(packed(values.dropFirst(offset), bits: 4)) }
    }
    return forms
  }
}

/// The bytes that digits of so many bits are; what is left of the last one is dropped.
private func packed(_ digits: ArraySlice<UInt8>, bits: Int) -> [UInt8] {
  var bytes: [UInt8] = []
  var (held, count) = (0, 0)
  for digit in digits {
    held = (held << bits | Int(digit)) & 0xFFFF
    count += bits
    if count >= 8 {
      count -= 8
      bytes.append(UInt8(truncatingIfNeeded: held >> count))
    }
  }
  return bytes
}

private func sixBits(_ character: UInt8) -> UInt8? {
  switch character {
  case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
  case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
  case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
  case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
  case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
  default: nil
  }
}

private func fourBits(_ character: UInt8) -> UInt8? {
  switch character {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
  default: nil
  }
}
