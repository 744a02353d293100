import Backfill
import Foundation

extension JSONValue {
  /// A report as JSON: names in snake case, dates in ISO 8601, and null in place of what is missing or no number.
  package init(report value: some Encodable) throws {
    let node = ReportNode()
    try node.take(value)
    self = node.json
  }
}

/// A place in the JSON that is being made.
private final class ReportNode {
  private enum Contents {
    case nothing
    case value(JSONValue)
    case object([String: ReportNode])
    case array([ReportNode])
  }

  private var contents = Contents.nothing

  var json: JSONValue {
    switch contents {
    case .nothing: .object([:])
    case .value(let value): value
    case .object(let nodes): .object(nodes.mapValues(\.json))
    case .array(let nodes): .array(nodes.map(\.json))
    }
  }

  var count: Int { if case .array(let nodes) = contents { nodes.count } else { 0 } }

  func take(_ value: some Encodable) throws {
    switch value {
    case let value as JSONValue: contents = .value(value)
    case let value as Bool: contents = .value(.boolean(value))
    case let value as String: contents = .value(.string(value))
    case let value as Date: contents = .value(.string(value.formatted(.iso8601)))
    case let value as any BinaryInteger:
      contents = .value(Int(exactly: value).map { .integer($0) } ?? .number(Double(value)))
    case let value as Double: contents = .value(value.isFinite ? .number(value) : .null)
    case let value as Float: contents = .value(value.isFinite ? .number(Double(value)) : .null)
    case let entries as [String: any Encodable]:
      // A dictionary's keys are values, as a header's name, and no names of ours.
      beginObject()
      for (key, entry) in entries { try member(named: key).take(entry) }
    default: try value.encode(to: ReportEncoder(node: self))
    }
  }

  func takeNull() { contents = .value(.null) }

  /// Makes this an object, unless it is one.
  func beginObject() { if case .object = contents {} else { contents = .object([:]) } }

  /// Makes this an array, unless it is one.
  func beginArray() { if case .array = contents {} else { contents = .array([]) } }

  func member(_ key: any CodingKey) -> ReportNode { member(named: key.stringValue.inSnakeCase) }

  private func member(named name: String) -> ReportNode {
    guard case .object(var nodes) = contents else { return self }
    // The only reference is `nodes` now: else each member would copy those before it.
    contents = .nothing
    let node = ReportNode()
    nodes[name] = node
    contents = .object(nodes)
    return node
  }

  func element() -> ReportNode {
    guard case .array(var nodes) = contents else { return self }
    contents = .nothing
    let node = ReportNode()
    nodes.append(node)
    contents = .array(nodes)
    return node
  }
}

private struct ReportEncoder: Encoder {
  let node: ReportNode
  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    node.beginObject()
    return KeyedEncodingContainer(Members<Key>(node: node))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    node.beginArray()
    return Elements(node: node)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer { Single(node: node) }
}

private struct Members<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let node: ReportNode
  var codingPath: [any CodingKey] { [] }

  func encodeNil(forKey key: Key) { node.member(key).takeNull() }
  func encode<T: Encodable>(_ value: T, forKey key: Key) throws { try node.member(key).take(value) }

  private func put<T: Encodable>(_ value: T?, _ key: Key) throws {
    if let value { try encode(value, forKey: key) } else { encodeNil(forKey: key) }
  }

  // By default what is missing is left out, type by type.
  func encodeIfPresent<T: Encodable>(_ value: T?, forKey key: Key) throws { try put(value, key) }
  func encodeIfPresent(_ value: Bool?, forKey key: Key) throws { try put(value, key) }
  func encodeIfPresent(_ value: String?, forKey key: Key) throws { try put(value, key) }
  func encodeIfPresent(_ value: Double?, forKey key: Key) throws { try put(value, key) }
  func encodeIfPresent(_ value: Float?, forKey key: Key) throws { try put(value, key) }
  func encodeIfPresent(_ value: Int?, forKey key: Key) throws { try put(value, key) }
  func encodeIfPresent(_ value: Int8?, forKey key: Key) throws { try put(value, key) }
  func encodeIfPresent(_ value: Int16?, forKey key: Key) throws { try put(value, key) }
  func encodeIfPresent(_ value: Int32?, forKey key: Key) throws { try put(value, key) }
  func encodeIfPresent(_ value: Int64?, forKey key: Key) throws { try put(value, key) }
  func encodeIfPresent(_ value: UInt?, forKey key: Key) throws { try put(value, key) }
  func encodeIfPresent(_ value: UInt8?, forKey key: Key) throws { try put(value, key) }
  func encodeIfPresent(_ value: UInt16?, forKey key: Key) throws { try put(value, key) }
  func encodeIfPresent(_ value: UInt32?, forKey key: Key) throws { try put(value, key) }
  func encodeIfPresent(_ value: UInt64?, forKey key: Key) throws { try put(value, key) }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    ReportEncoder(node: node.member(key)).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    ReportEncoder(node: node.member(key)).unkeyedContainer()
  }

  func superEncoder() -> any Encoder { ReportEncoder(node: node) }
  func superEncoder(forKey key: Key) -> any Encoder { ReportEncoder(node: node.member(key)) }
}

private struct Elements: UnkeyedEncodingContainer {
  let node: ReportNode
  var codingPath: [any CodingKey] { [] }
  var count: Int { node.count }

  func encodeNil() { node.element().takeNull() }
  func encode<T: Encodable>(_ value: T) throws { try node.element().take(value) }

  func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
    ReportEncoder(node: node.element()).container(keyedBy: type)
  }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    ReportEncoder(node: node.element()).unkeyedContainer()
  }

  func superEncoder() -> any Encoder { ReportEncoder(node: node.element()) }
}

private struct Single: SingleValueEncodingContainer {
  let node: ReportNode
  var codingPath: [any CodingKey] { [] }

  func encodeNil() { node.takeNull() }
  func encode<T: Encodable>(_ value: T) throws { try node.take(value) }
}

extension String {
  /// "costUsd" and "costUSD" as "cost_usd".
  fileprivate var inSnakeCase: String {
    let letters = Array(self)
    return letters.indices.map { index in
      let isWordStart =
        index > 0 && letters[index].isUppercase
        && (!letters[index - 1].isUppercase || index + 1 < letters.count && letters[index + 1].isLowercase)
      return (isWordStart ? "_" : "") + letters[index].lowercased()
    }.joined()
  }
}
