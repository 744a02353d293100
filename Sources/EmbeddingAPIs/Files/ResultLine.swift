import Backfill

/// What a line of a file of vectors says, whoever wrote it.
package enum ResultLine: Equatable, Sendable {
  /// Nothing stands in it.
  case blank
  /// It is a request and no result.
  case request
  case vectors(Vectors)
  /// Who was asked for the vector gave none: why, as far as it can be told without a word of the text.
  case failed(String)
  /// It can't be used, and why.
  case refused(String)

  package struct Vectors: Equatable, Sendable {
    package var row: Row
    /// In the order of the texts; one, except the parts of a long text.
    package var vectors: [[Float]]
    /// The model as the line names it; nil where it names none.
    package var model: String?
    /// What was billed for it; nil where it doesn't tell.
    package var tokens: Int?
  }

  /// Which row a vector is of.
  package enum Row: Equatable, Sendable {
    case ticket(RowTicket)
    /// - Parameters:
    ///   - table: its name; nil where the line names none.
    ///   - digest: of the row's text as the vector was made of it.
    case key(Key, table: String?, digest: TextDigest)
  }

  /// A key as a line spells it; only the table says what it is.
  package enum Key: Equatable, Sendable {
    case integer(Int64)
    case text(String)
    case list([Key])

    /// The same as a key of this kind; nil where it is none.
    package func key(of kind: RowKey.Kind) -> RowKey? {
      switch (self, kind) {
      case (.integer(let value), .integer): .integer(value)
      case (.integer(let value), .text): .text("\(value)")
      case (.text(let text), .integer): Int64(text).map { .integer($0) }
      case (.text(let text), .text): .text(text)
      case (.text(let text), .uuid): RowKey(uuid: text)
      case (.text(let text), .bytes):
        text.hasPrefix("\\x") ? [UInt8](hex: String(text.dropFirst(2))).map { .bytes($0) } : nil
      case (.list(let parts), .composite(let kinds)):
        parts.count == kinds.count ? RowKey(zip(parts, kinds).map { $0.key(of: $1) }) : nil
      case (.list(let parts), _): parts.count == 1 ? parts[0].key(of: kind) : nil
      default: nil
      }
    }
  }
}

extension RowKey {
  fileprivate init?(_ parts: [RowKey?]) {
    let known = parts.compactMap(\.self)
    guard known.count == parts.count else { return nil }
    self = .composite(known)
  }
}

extension ResultLine.Vectors {
  /// Whether the line names a model that is neither `model` nor `alias`.
  package func isOfAnother(than model: String, alias: String?) -> Bool {
    guard let own = self.model else { return false }
    return ![model, alias].compactMap(\.self).contains { ModelName($0) == ModelName(own) }
  }

  /// The model's name as far as it may be shown.
  package var shownModel: String { model.flatMap(ModelName.shown) ?? ModelName.hidden }
}
