import Backfill
import Foundation
import GRDB
import Ledger
import TestSupport
import Testing

/// How the ledger's file is laid out, and that one which is laid out otherwise is gone on with.
@Suite struct LedgerPagesTests {
  private static let dimensions = 1_024
  private static let job = Job(
    name: "job", sources: [Source(table: "m")], model: Model(name: "model", dimensions: dimensions))

  private static func batch(_ number: Int, of run: Int64, keys: [RowKey] = [.integer(1), .integer(-2)]) -> Batch {
    Batch(
      id: BatchID(run: run, number: number), source: 0, page: 1,
      contents: Batch.Contents(
        inputs: keys.indices.map { Input(texts: ["text \($0)"], tokens: [2], isExact: true) },
        rows: keys.enumerated().map {
          BatchRow(key: $0.element, digest: TextDigest(of: "text \($0.offset)"), input: $0.offset)
        }))
  }

  /// As many as are more than one of the largest pages.
  private static func vectors(_ count: Int) -> Vectors {
    Vectors(dimensions: dimensions, values: (0..<count * dimensions).map { Float($0) / 7 })
  }

  private static func store(
    _ batch: Batch, _ vectors: Vectors, in ledger: Ledger, _ run: Ledger.BegunRun
  ) async throws {
    try await ledger.requested(batch, target: run.targets[0], reservation: nil)
    try await ledger.received(
      EmbeddingReply(vectors: vectors, billedTokens: 4), to: batch, target: run.targets[0], cost: nil, at: Date())
  }

  private static func pageSize(_ path: String) throws -> Int? {
    try DatabaseQueue.patient(path).read { try Int.fetchOne($0, sql: "PRAGMA page_size") }
  }

  @Test func `a new ledger has large pages`() throws {
    let folder = try TemporaryFolder()
    _ = try Ledger.open(at: folder.file("ledger.db"))
    #expect(try Self.pageSize(folder.file("ledger.db")) == 32_768)
  }

  @Test(arguments: [512, 4_096, 65_536]) func `a ledger with other pages keeps them, and is gone on with`(size: Int)
    async throws
  {
    let folder = try TemporaryFolder()
    let path = folder.file("ledger.db")
    let vectors = Self.vectors(20)
    do {
      let queue = try DatabaseQueue.patient(path)
      try await queue.writeWithoutTransaction {
        try $0.execute(sql: "PRAGMA page_size = \(size); CREATE TABLE made (x); DROP TABLE made")
      }
      try queue.close()
    }
    let keys = (0..<20).map { RowKey.integer($0) }
    let first = try Ledger.open(at: path)
    let run = try await first.begin(Self.job, on: "db", at: Date())
    let batch = Self.batch(1, of: run.id, keys: keys)
    try await Self.store(batch, vectors, in: first, run)
    let second = try Ledger.open(at: path)
    #expect(try await second.begin(Self.job, on: "db", at: Date()).spooled.map(\.id) == [batch.id])
    let spooled = try await second.spooled(batch.id)
    #expect(spooled.rows == batch.contents.rows)
    #expect(spooled.vectors == vectors)
    try await second.settle(Settlement(batches: [batch.id]), run: run.id, targets: run.targets, at: Date())
    #expect(try await second.kept(of: run.targets[0]).count == 20)
    #expect(try Self.pageSize(path) == size)
    let check = try await DatabaseQueue.patient(path).read { try String.fetchOne($0, sql: "PRAGMA integrity_check") }
    #expect(check == "ok")
  }

  @Test func `a batch that a version with SHA-256 stored is read, and its damage is found`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("ledger.db")
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let batch = Self.batch(1, of: run.id)
    let vectors = Self.vectors(2)
    try await Self.store(batch, vectors, in: ledger, run)
    let queue = try DatabaseQueue.patient(path)
    let checksum = Self.formerChecksum(of: batch, target: run.targets[0], vectors)
    try await queue.write { try $0.execute(sql: "UPDATE spool SET checksum = ?", arguments: [checksum]) }
    #expect(try await ledger.spooled(batch.id).vectors == vectors)
    try await queue.write { try $0.execute(sql: "UPDATE spool SET vectors = zeroblob(length(vectors))") }
    let failure = await #expect(throws: Failure.self) { try await ledger.spooled(batch.id) }
    #expect(failure?.description.contains("damaged") == true)
  }

  /// What earlier versions stored: the SHA-256 of the rows and of the SHA-256 of the vectors.
  private static func formerChecksum(of batch: Batch, target: Int64, _ vectors: Vectors) -> Data {
    var content = Data()
    func add(_ number: Int64) { withUnsafeBytes(of: number.littleEndian) { content.append(contentsOf: $0) } }
    let rows = batch.contents.rows
    for number in [batch.id.run, Int64(batch.id.number), target, Int64(dimensions), Int64(rows.count)] { add(number) }
    for row in rows {
      let key = "\(row.key.kind) \(row.key)".utf8
      add(Int64(key.count))
      content.append(contentsOf: key)
      content.append(contentsOf: row.digest.bytes)
      add(Int64(row.input))
    }
    content.append(contentsOf: digest(of: vectors.littleEndian))
    return Data(digest(of: content))
  }

  private static func digest(of data: Data) -> [UInt8] { data.withUnsafeBytes { TextDigest(ofUTF8: $0).bytes } }

  @Test(arguments: [
    [RowKey.integer(.min), .integer(.max), .integer(0)],
    [.uuid(UUID()), .text(#"a "quoted" \ text/"#), .text("line\nbreak\u{0}, é, 🙂"), .text("")],
    [.bytes([0, 255]), .composite([.integer(1), .text(#"","i":9}]}"#)]), .bytes([])], [.integer(1)],
  ])
  func `the rows of a batch come back as they were, whatever their keys`(keys: [RowKey]) async throws {
    let folder = try TemporaryFolder()
    let ledger = try Ledger.open(at: folder.file("ledger.db"))
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let batch = Self.batch(1, of: run.id, keys: keys)
    try await Self.store(batch, Self.vectors(keys.count), in: ledger, run)
    #expect(try await ledger.spooled(batch.id).rows == batch.contents.rows)
  }

  @Test func `of many small batches no more is kept than of large ones, but for a little`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("ledger.db")
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    // 1 MiB a batch, settled one by one.
    let (keys, vectors) = ((0..<256).map { RowKey.integer($0) }, Self.vectors(256))
    for number in 1...80 {
      let batch = Self.batch(number, of: run.id, keys: keys)
      try await Self.store(batch, vectors, in: ledger, run)
      try await ledger.settle(Settlement(batches: [batch.id]), run: run.id, targets: run.targets, at: Date())
      let kept = try await DatabaseQueue.patient(path).read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM spool") }
      #expect(kept ?? 0 >= min(number, 64) && kept ?? 0 <= 68)
    }
    #expect(try await ledger.spooled(BatchID(run: run.id, number: 80)).vectors == vectors)
  }
}
