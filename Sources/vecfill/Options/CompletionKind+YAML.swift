import ArgumentParser

extension CompletionKind {
  /// Files as a job spec or a catalogue is.
  static var yaml: CompletionKind { .file(extensions: ["yaml", "yml"]) }
}
