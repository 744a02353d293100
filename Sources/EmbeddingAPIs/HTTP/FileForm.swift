import Foundation

/// A form of fields and one file, as `multipart/form-data` has it, or the file alone; it is read while it is sent.
struct FileForm: Sendable {
  let path: String
  /// What stands before the file's content.
  let head: Data
  let tail: Data
  let contentType: String

  /// - Parameters:
  ///   - name: what the file is called at the other end; what can't stand in a header is left out.
  ///   - boundary: what separates the parts, and stands in none of them.
  init(path: String, name: String, fields: [(name: String, value: String)], boundary: String) {
    self.path = path
    let name = name.filter { $0.isASCII && !$0.isNewline && $0 != "\"" && $0 != "\\" }
    var head = ""
    for field in fields {
      head += "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(field.name)\"\r\n\r\n\(field.value)\r\n"
    }
    head += "--\(boundary)\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(name)\"\r\n"
    head += "Content-Type: application/jsonl\r\n\r\n"
    self.head = Data(head.utf8)
    tail = Data("\r\n--\(boundary)--\r\n".utf8)
    contentType = "multipart/form-data; boundary=\(boundary)"
  }

  /// The file alone.
  init(path: String, contentType: String) {
    self.path = path
    self.contentType = contentType
    (head, tail) = (Data(), Data())
  }
}
