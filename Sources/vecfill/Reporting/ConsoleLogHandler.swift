import ArgumentParser
import Foundation
import Logging

/// How log lines look.
enum LogFormat: String, ExpressibleByArgument, CaseIterable {
  /// For people.
  case text
  /// One JSON object a line, for machines.
  case json
}

/// Writes log lines to the console.
struct ConsoleLogHandler: LogHandler {
  let format: LogFormat
  let console: Console
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .info

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let fields = metadata.merging(event.metadata ?? [:]) { _, new in new }
    switch format {
    case .text:
      let time = Date().formatted(.iso8601.time(includingFractionalSeconds: false))
      let told = fields.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
      let level = event.level >= .warning ? "\(event.level): " : ""
      console.log("\(time) \(level)\(event.message)\(told)")
    case .json:
      var object = fields.mapValues { "\($0)" }
      object["time"] = Date().formatted(.iso8601)
      object["level"] = event.level.rawValue
      object["message"] = event.message.description
      console.log(JSONLine.encode(object))
    }
  }
}

/// One JSON object in one line, its keys sorted.
enum JSONLine {
  static func encode(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.dateEncodingStrategy = .iso8601
    let data = (try? encoder.encode(value)) ?? Data("{}".utf8)
    return String(decoding: data, as: UTF8.self)
  }
}
