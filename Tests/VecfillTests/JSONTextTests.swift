import Testing

@testable import vecfill

@Suite struct JSONTextTests {
  @Test(arguments: [
    (#""""#, ""),
    (#""abc""#, "abc"),
    ("\t \"abc\" \r", "abc"),
    (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
    (#""\u0041\u00e9\u4E2D\u0000""#, "Aé中\u{0}"),
    (#""\ud83d\ude00\uD83D\uDE00""#, "😀😀"),
    ("\"é中😀\u{7F}\"", "é中😀\u{7F}"),
  ])
  func `a JSON string is its text`(line: String, text: String) {
    #expect(decode(Array(line.utf8)) == text)
  }

  @Test(arguments: [
    (#""\ud83d""#, "\u{FFFD}"),
    (#""\ude00x""#, "\u{FFFD}x"),
    (#""\ud83dx\ude00""#, "\u{FFFD}x\u{FFFD}"),
    (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
    (#""\ud83d\n""#, "\u{FFFD}\n"),
    (#""\ud83d\u0041""#, "\u{FFFD}A"),
    (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
  ])
  func `a lone surrogate is U+FFFD, as for tiktoken`(line: String, text: String) {
    #expect(decode(Array(line.utf8)) == text)
  }

  @Test(arguments: [
    "", " ", "\"", "abc", "\"abc", "abc\"", "\"a\"b\"", "\"a\" \"b\"", "[\"a\"]", "{}", "1", "null", "\"a\tb\"",
    "\"a\u{0}b\"", #""\""#, #""\x""#, #""\u""#, #""\u12""#, #""\u12g4""#, #""\u+123""#, #""\ud83d\u12""#,
    #""\ud83d\uzzzz""#, "'a'",
  ])
  func `anything else is refused`(line: String) {
    #expect(decode(Array(line.utf8)) == nil)
  }

  @Test(arguments: [[0xFF], [0xC3], [0xE4, 0xB8], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0xF5, 0x80, 0x80, 0x80]])
  func `bytes that are no UTF-8 are refused`(bytes: [UInt8]) {
    #expect(decode([0x22] + bytes + [0x22]) == nil)
  }

  private func decode(_ line: [UInt8]) -> String? {
    line.withUnsafeBufferPointer(JSONText.decode)
  }
}
