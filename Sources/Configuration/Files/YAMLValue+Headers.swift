import Backfill
import Yams

extension YAMLValue {
  /// What vecfill sets itself, or what would break how a reply is read.
  private static let ownHeaders: Set<String> = [
    "content-type", "content-length", "transfer-encoding", "connection", "expect", "accept-encoding",
  ]

  /// HTTP headers by name. What is secret in one stands in a variable.
  func headers() throws(Failure) -> [HeaderTemplate] {
    guard let mapping = node.mapping else { throw refusal(Allowed.headers) }
    var headers: [HeaderTemplate] = []
    for (key, node) in mapping {
      guard let name = key.scalar?.string, name.wholeMatch(of: /[A-Za-z0-9!#$%&'*+.^_`|~\-]+/) != nil,
        !SecretKeys.looksSecret(name: name)
      else {
        throw Failure(
          .configuration, YAMLValue(node: key, file: file, path: path).place, "a key of \(path) must be a header's name"
        )
      }
      let value = YAMLValue(node: node, file: file, path: "\(path).\(name)")
      guard !Self.ownHeaders.contains(name.lowercased()) else {
        throw Failure(.configuration, value.place, "\(value.path) is set by vecfill itself", remedy: "take it out")
      }
      guard !headers.contains(where: { $0.name.lowercased() == name.lowercased() }) else {
        throw Failure(.configuration, value.place, "\(value.path) is given more than once", remedy: "keep one of them")
      }
      headers.append(try value.header(name))
    }
    return headers
  }

  private func header(_ name: String) throws(Failure) -> HeaderTemplate {
    let text = try text(mayBeSecret: true)
    guard text.isHeaderValue else {
      throw Failure(.configuration, place, "\(path) must be printable ASCII on one line, without a space at its ends")
    }
    guard let header = HeaderTemplate(name: name, value: text) else {
      throw Failure(.configuration, place, "\(path) has a ${ that begins no variable", remedy: "write it as ${NAME}")
    }
    let hasVariable = header.parts.contains { if case .variable = $0 { true } else { false } }
    let isPlain = header.parts.allSatisfy {
      if case .text(let text) = $0 { !SecretKeys.looksSecret(text) } else { true }
    }
    guard isPlain, hasVariable || !SecretKeys.isSecretHeader(name) else {
      throw Failure(
        .configuration, place, "\(path) holds what looks like a password or a key",
        remedy: "put it in a variable of the environment or of .env, and write ${NAME} here")
    }
    return header
  }
}
