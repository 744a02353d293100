import Backfill
import Foundation

/// A job spec as it was read: strict, and without what the other layers say.
struct JobSpec {
  let name: Setting
  let sources: [Source]
  /// The sources as `vecfill config` shows them.
  let sourceSettings: [Setting]
  let settings: [Parameter: Setting]
  /// When its runs may work; nil for always.
  let hours: WorkHours?
  /// What its runs keep an eye on while they work.
  let gauges: [Gauge]

  /// The keys that set no `Parameter`.
  static let ownKeys = ["name", "sources", "edits", "follow", "hours", "gentle"]

  /// Throws a `Failure` that names the file, the place and the key for anything that is not allowed.
  init(path: String, in process: ProcessContext) throws(Failure) {
    let remedy = "give the path of a job spec, e.g. jobs/backfill-embeddings.yaml"
    guard !path.isEmpty else { throw Failure(.usage, "job spec", "its path is empty", remedy: remedy) }
    let root = try YAMLFile.read(process.absolute(path), shown: path, remedy: remedy)
      .mapping(keys: Self.ownKeys + FileSettings.keys, orElse: "a job spec begins with sources:")
    let origin = { (line: Int) in Origin.spec(file: path, line: line) }
    settings = try FileSettings.read(from: root, origin: origin)
    if let value = root["name"] {
      name = Setting(key: "name", value: .text(try value.text(.text)), origin: origin(value.line))
    } else {
      guard FileKind(at: process.absolute(path)) != .stream else {
        throw Failure(
          .configuration, path, "this job has no name, and a pipe has none to give it",
          remedy: "set `name:` in the spec")
      }
      let fileName = URL(filePath: path).deletingPathExtension().lastPathComponent
      name = Setting(key: "name", value: .text(fileName), origin: .builtIn)
    }
    let edits = try root["edits"].map(Self.readEdits) ?? (.ignore, isApart: false)
    let follow = try root["follow"]?.text(.choice(["poll", "notify"]))
    let (sources, sourceSettings) = try Self.readSources(root.required("sources"), origin: origin) {
      value throws(Failure) in
      try Self.readSource(value, edits: edits, notifies: follow == "notify")
    }
    self.sources = sources
    let followed = root["follow"].flatMap { value in
      follow.map { Setting(key: "follow", value: .text($0), origin: origin(value.line)) }
    }
    let hours = try root["hours"].map(WorkHours.init)
    self.hours = hours
    gauges = try root["gentle"].map([Gauge].init(gentle:)) ?? []
    let kept = root["hours"].flatMap { value in
      hours.map { Setting(key: "hours", value: .text("\($0)"), origin: origin(value.line)) }
    }
    self.sourceSettings = sourceSettings + [followed, kept].compactMap(\.self)
  }

  private static func readSources(
    _ value: YAMLValue, origin: (Int) -> Origin, read: (YAMLValue) throws(Failure) -> Source
  ) throws(Failure) -> ([Source], [Setting]) {
    let entries = try value.list(of: "sources")
    guard !entries.isEmpty else {
      throw Failure(.configuration, value.place, "sources must name at least one table")
    }
    var sources: [Source] = []
    var settings: [Setting] = []
    var columns: [[String]: Int] = [:]
    for (index, entry) in entries.enumerated() {
      let source = try read(entry)
      if let twin = columns.updateValue(index, forKey: [source.home.name, source.vector]) {
        throw Failure(
          .configuration, entry.place, "\(entry.path) fills the same column as sources[\(twin)]",
          remedy: "keep one of them")
      }
      sources.append(source)
      settings.append(Setting(key: entry.path, value: .text(source.summary), origin: origin(entry.line)))
    }
    return (sources, settings)
  }
}

extension JobSpec {
  /// A word, or `{digest: table}`.
  static func readEdits(_ value: YAMLValue) throws(Failure) -> (Edits, isApart: Bool) {
    if value.isMapping {
      _ = try value.mapping(keys: ["digest"]).required("digest").text(.choice(["table"]))
      return (.digest, isApart: true)
    }
    return (Edits(rawValue: try value.text(.choice(Edits.allCases.map(\.rawValue)))) ?? .ignore, isApart: false)
  }
}

extension Source {
  fileprivate var summary: String {
    let reads = view.map { "\($0), written to \(name)" } ?? name
    let target = chunks.map {
      "\(home.name).\(vector), \($0.cutting.tokens) tokens, \($0.cutting.overlap) repeated"
    }
    let columns =
      "\(reads) (\(key), \(text) -> \(target ?? vector))"
      + (newestBy.map { ", newest first by \($0)" } ?? (order == .newest ? ", newest first" : ""))
      + (edits == .ignore ? "" : ", edits: \(keepsDigestsApart ? "{digest: table}" : "\(edits)")")
    return condition.map { "\(columns) where \($0.split(whereSeparator: \.isNewline).joined(separator: " "))" }
      ?? columns
  }
}
