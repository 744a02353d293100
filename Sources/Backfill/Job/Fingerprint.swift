import Foundation

/// What a column's vectors are made of: one column holds one fingerprint only (P4).
package struct Fingerprint: Hashable, Sendable {
  package let model: String
  package let dimensions: Int
  /// The text that is embedded.
  package let text: SourceText
  package let preparation: TextPreparation
  /// What each request says beside model, texts, dimensions and encoding. The default is nothing.
  package let fields: [String: JSONValue]
  package let cut: VectorCut
  /// The view that the texts are read from; nil where it is the table itself.
  package let view: String?
  /// How the text is cut into pieces, a vector each. The default is nil: a vector is of a whole text.
  package let cutting: Cutting?

  package init(
    model: String, dimensions: Int, text: SourceText, preparation: TextPreparation, fields: [String: JSONValue] = [:],
    cut: VectorCut = .provider, view: String? = nil, cutting: Cutting? = nil
  ) {
    self.model = model
    self.dimensions = dimensions
    self.text = text
    self.preparation = preparation
    self.fields = fields
    self.cut = cut
    self.view = view
    self.cutting = cutting
  }

  /// Whether a column of this fingerprint may go on with `next`: with the very same, or with long texts truncated or
  /// averaged where they were left without a vector until now.
  package func admits(_ next: Fingerprint) -> Bool {
    self == next || preparation.tooLong == .quarantine && self == next.withoutFitting
  }

  private var withoutFitting: Fingerprint {
    Fingerprint(
      model: model, dimensions: dimensions, text: text, preparation: preparation.withoutFitting, fields: fields,
      cut: cut, view: view, cutting: cutting)
  }
}

extension Fingerprint {
  /// How a database records it.
  package func recorded() throws -> String { try asciiJSON() }

  /// The fingerprint that `text` records; throws a `Failure` with `.configuration` where it is none of this version's.
  ///
  /// - Parameters:
  ///   - column: the column that it is a record of.
  ///   - place: the table that it stands in.
  package init(recorded text: String, of column: String, in place: String) throws(Failure) {
    guard let fingerprint = try? JSONDecoder().decode(Fingerprint.self, from: Data(text.utf8)) else {
      throw Failure(
        .configuration, place, "its record of \(column) is none of this version's",
        remedy: "use the vecfill that wrote it, or delete that row")
    }
    self = fingerprint
  }
}

extension Fingerprint: CustomStringConvertible {
  package var description: String { parts.joined(separator: " ") }

  /// What it has that `other` has not, e.g. "model=text-embedding-3-large"; where it only lacks something, what that is,
  /// e.g. "no prefix".
  package func differing(from other: Fingerprint) -> String {
    let theirs = other.parts
    let own = parts.filter { !theirs.contains($0) }
    guard own.isEmpty else { return own.joined(separator: " ") }
    func name(_ part: String) -> Substring { part.prefix { $0 != "=" } }
    let lacking = theirs.map(name).filter { theirs in !parts.contains { name($0) == theirs } }
    return lacking.isEmpty ? description : lacking.map { "no \($0)" }.joined(separator: ", ")
  }

  private var parts: [String] {
    var parts = [
      "model=\(model)", "dimensions=\(dimensions)", "text=\(text)", "newlines=\(preparation.newlines.rawValue)",
      "too_long=\(preparation.tooLong.rawValue)",
    ]
    if let most = preparation.mostBytes { parts.append("too_long_at=\(most)_bytes") }
    if !preparation.prefix.isEmpty { parts.append("prefix=\(JSONValue.string(preparation.prefix))") }
    if preparation.tooLong == .average, !preparation.prefix.isEmpty {
      parts.append("prefix_of=\(preparation.prefixesFirstPartOnly ? "the_first_part" : "each_part")")
    }
    if !fields.isEmpty { parts.append("sends=\(JSONValue.object(fields))") }
    if cut == .local { parts.append("cut=local") }
    if let view { parts.append("view=\(view)") }
    if let cutting {
      let version = cutting.version == Cutting.version ? "" : " version=\(cutting.version)"
      parts.append("chunks=\(cutting.tokens) tokens, \(cutting.overlap) repeated\(version)")
    }
    return parts
  }
}

extension Job {
  package func fingerprint(of source: Source) -> Fingerprint {
    Fingerprint(
      model: model.name, dimensions: model.dimensions, text: source.text, preparation: preparation,
      fields: model.fields, cut: model.cut, view: source.view?.description, cutting: source.chunks?.cutting)
  }
}
