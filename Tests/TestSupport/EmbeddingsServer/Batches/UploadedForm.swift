import Foundation

extension EmbeddingsServer {
  /// A form with a file, as `multipart/form-data` has it.
  struct UploadedForm {
    let purpose: String?
    let name: String
    let content: Data

    /// Nil where the request has no such form, or its end is missing.
    init?(_ message: HTTPMessage) {
      guard let type = message.headers["content-type"], let found = type.firstMatch(of: /boundary=(\S+)/) else {
        return nil
      }
      let boundary = Data("--\(found.1)".utf8)
      var purpose: String?
      var file: (name: String, content: Data)?
      var rest = message.body[...]
      while let start = rest.range(of: boundary) {
        let part = rest[start.upperBound...]
        guard let end = part.range(of: Data("\r\n".utf8) + boundary) else {
          guard part.starts(with: Data("--".utf8)) else { return nil }
          break
        }
        let bytes = part[..<end.lowerBound]
        if let blank = bytes.range(of: Data("\r\n\r\n".utf8)) {
          let head = String(decoding: bytes[..<blank.lowerBound], as: UTF8.self)
          let content = bytes[blank.upperBound...]
          if let name = head.firstMatch(of: /filename="([^"]*)"/) {
            file = (String(name.1), Data(content))
          } else if head.contains("name=\"purpose\"") {
            purpose = String(decoding: content, as: UTF8.self)
          }
        }
        rest = rest[end.lowerBound...]
      }
      guard let file else { return nil }
      (self.purpose, name, content) = (purpose, file.name, file.content)
    }
  }
}
