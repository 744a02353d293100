import Backfill
import Foundation
import Ledger

/// A file of requests while it is made, beside the ledger. It holds texts, so only its owner may read it, and it is deleted
/// as soon as the provider has it.
final class BatchFile {
  let path: String
  private(set) var lines: [SubmittedLine] = []
  private(set) var size = BatchFileSize()
  /// Of all lines, each by its own digest: two files with the same requests have the same.
  private var digest = TextDigest(of: "")
  private var buffer = Data()
  private let handle: FileHandle

  private static let mostBuffered = 1 << 20

  /// Throws a `Failure` with `.localIO`.
  init(in folder: String, named name: String) async throws {
    path = "\(folder)/\(name)"
    handle = try await Self.offPool { [path] in
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw Self.failure(path, errno) }
      return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }
  }

  /// The name by which the provider knows it, made from what is in it.
  func name(ofJob job: String) -> String {
    let hex = Array(digest.bytes.prefix(16)).hex
    let plain = job.unicodeScalars.filter {
      $0.isASCII && ($0.properties.isAlphabetic || "0123456789-_".unicodeScalars.contains($0))
    }
    return "vecfill-\(String(String.UnicodeScalarView(plain.prefix(40))))-\(hex).jsonl"
  }

  func add(_ line: SubmittedLine, _ bytes: [UInt8]) async throws {
    lines.append(line)
    size.add(
      bytes: bytes.count, inputs: line.inputs, tokens: line.tokens.counted, cost: line.reservation ?? 0)
    let own = bytes.withUnsafeBytes(TextDigest.init(ofUTF8:))
    digest = (digest.bytes + own.bytes).withUnsafeBytes(TextDigest.init(ofUTF8:))
    buffer.append(contentsOf: bytes)
    if buffer.count >= Self.mostBuffered { try await flush() }
  }

  func finish() async throws {
    try await flush()
    try await Self.offPool { [handle, path] in
      do { try handle.close() } catch { throw Self.failure(path, errno) }
    }
  }

  func delete() {
    Self.delete(path)
  }

  /// One that is not there is as good as deleted.
  static func delete(_ path: String) {
    unlink(path)
  }

  /// Deletes what dead runs have left in the folder.
  static func deleteAll(in folder: String, beginningWith prefix: String) {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return }
    for name in names where name.hasPrefix(prefix) { delete("\(folder)/\(name)") }
  }

  private func flush() async throws {
    let data = buffer
    buffer = Data()
    try await Self.offPool { [handle, path] in
      do { try handle.write(contentsOf: data) } catch { throw Self.failure(path, errno) }
    }
  }

  private static func offPool<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await handedOver { handover in
      DispatchQueue.global().async { handover.resume(with: Result { try body() }) }
    }
  }

  private static func failure(_ path: String, _ code: Int32) -> Failure {
    Failure(
      .localIO, path, "the file of a batch can't be written: \(String(cString: strerror(code)))",
      remedy: "free some space there, or give --ledger, and run the same command again")
  }
}
