import Backfill

extension CutSearch {
  /// What it means for the rows of a job that the server treats long texts so.
  ///
  /// - Parameter keepsToLimit: whether a run sends no text that may be longer than the model takes.
  func finding(keepsToLimit: Bool = true) -> Finding {
    switch verdict {
    case .refuses(let length):
      guard known == nil else {
        return .ok("long texts", "refused: more than \(length.grouped) tokens are an error, not a silent cut")
      }
      let most = (Self.tokens(at: length) / 2).grouped
      return .warning(
        "long texts",
        "refused, not cut: somewhere from \(max(read, 1).grouped) to \(most) tokens; the catalogue doesn't know where",
        next: "name the model's max_input_tokens in a catalogue of your own: a run then knows it beforehand")
    case .readsAll(let length):
      return .ok("long texts", "not cut: the words after \(length.grouped) tokens are read too")
    case .cuts(let limit, let below, let isExact):
      let place =
        isExact ? "behind \(limit.grouped) tokens" : "somewhere behind \(limit.grouped) to \(below.grouped) tokens"
      if let known {
        return .warning(
          "long texts", "cut silently \(place): what stands there changes no vector",
          next: limit < known
            ? "set max_input_tokens: \(limit) in a catalogue of your own, and too_long: truncate or average in the job"
            : keepsToLimit
              ? "nothing, while the catalogue's max_input_tokens is right: a run does not send longer texts"
              : "set too_long: truncate or average in the job: a run then sends no longer texts")
      }
      return .warning(
        "long texts", "cut silently \(place), and the catalogue doesn't know the limit",
        next: "add the lines below to a catalogue of your own, and set too_long: in the job")
    case .untried:
      let tokens = Self.tokens(at: known ?? 0)
      return .skipped(
        "long texts", "not tried: texts above the model's limit would take \(tokens.grouped) tokens")
    }
  }

  /// Lines for the catalogue that name the limit; nil where it is known or none was found.
  func catalogueEntry(model: String, provider: String) -> String? {
    guard known == nil, case .cuts(let limit, _, let isExact) = verdict else { return nil }
    return """
      models:
        - id: \(model.quotedForYAML)
          provider: \(provider.quotedForYAML)
          max_input_tokens: \(limit)\(isExact ? "" : "  # read at least; the model's card has the exact number")
      """
  }
}

extension String {
  /// As YAML takes it for a text, whatever it holds: JSON's form is YAML's too.
  fileprivate var quotedForYAML: String {
    wholeMatch(of: #/[A-Za-z][A-Za-z0-9._\/-]*/#) != nil
      && !["true", "false", "null", "yes", "no", "on", "off"].contains(lowercased())
      ? self : JSONLine.encode(self)
  }
}
