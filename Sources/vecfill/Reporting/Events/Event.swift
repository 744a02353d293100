import Backfill
import Configuration
import Foundation
import Logging

/// Something that a person or a machine is told: a line for the one, a JSON object for the other (docs/events.md).
struct Event: Sendable {
  /// The events' names, which are part of the documented schema.
  enum Name: String, CaseIterable, Sendable {
    case runStarted = "run_started"
    case progress
    case phase
    case request
    case requestFailed = "request_failed"
    case rowQuarantined = "row_quarantined"
    case spoolRecovered = "spool_recovered"
    case possiblyPaid = "possibly_paid"
    case batch
    case stopping
    case skipped
    case note
    case warning
    case error
    case runFinished = "run_finished"
  }

  var level: Logger.Level
  var name: Name
  var message: String
  var fields: [String: JSONValue] = [:]

  /// The JSON object, in which the event's own fields never take the place of the common ones.
  func json(at time: Date) -> JSONValue {
    let common: [String: JSONValue] = [
      "time": .string(time.formatted(.iso8601)), "level": .string(level.rawValue), "event": .string(name.rawValue),
      "message": .string(message),
    ]
    return .object(fields.merging(common) { _, common in common })
  }
}

extension Event {
  /// What ends a command.
  init(_ failure: Failure) {
    self.init(level: .error, name: .error, message: "\(failure)", fields: failure.fields)
  }

  static func warning(_ message: String) -> Event { Event(level: .warning, name: .warning, message: message) }
  static func note(_ message: String) -> Event { Event(level: .info, name: .note, message: message) }
}

extension Failure {
  /// Its parts, as an event's fields.
  var fields: [String: JSONValue] {
    [
      "subject": .string(subject), "reason": .string(reason), "remedy": JSONValue(remedy),
      "exit_code": .integer(Int(exitCode.rawValue)),
    ]
  }
}

extension Encodable {
  /// A report's members, as an event's fields.
  var eventFields: [String: JSONValue] {
    guard case .object(let fields)? = try? JSONValue(report: self) else { return [:] }
    return fields
  }
}

extension JSONValue {
  init(_ text: String?) { self = text.map { .string($0) } ?? .null }
  init(_ number: Int?) { self = number.map { .integer($0) } ?? .null }
  init(_ number: Double?) { self = number.flatMap { $0.isFinite ? .number($0) : nil } ?? .null }
}

extension Logger {
  /// Tells an event with fields of its own; what is told without a name is a note or a warning.
  func tell(_ level: Level, _ name: Event.Name, _ message: String, _ fields: [String: JSONValue] = [:]) {
    var metadata = fields.mapValues { Metadata.Value.stringConvertible($0) }
    metadata[Event.key] = .stringConvertible(name.rawValue)
    log(level: level, "\(message)", metadata: metadata)
  }
}

extension Event {
  fileprivate static let key = "event"

  /// An event of a log, of which other metadata than its fields is told as text.
  init(_ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata) {
    var fields: [String: JSONValue] = [:]
    for (key, value) in metadata where key != Event.key {
      if case .stringConvertible(let known) = value, let json = known as? JSONValue {
        fields[key] = json
      } else {
        fields[key] = .string("\(value)")
      }
    }
    self.init(
      level: level,
      name: metadata[Event.key].flatMap { Name(rawValue: "\($0)") } ?? (level >= .warning ? .warning : .note),
      message: message, fields: fields)
  }
}
