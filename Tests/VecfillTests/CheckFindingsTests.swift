import Backfill
import Foundation
import Ledger
import MessageStores
import PgVector
import TestSupport
import Testing

@testable import vecfill

/// What each finding means, as values.
@Suite struct CheckFindingsTests {
  /// A server that reads so many tokens of a text, and tells them or not.
  private static func search(_ known: Int?, reads: Int, tells: Bool) -> CutSearch {
    var search = CutSearch(known: known)
    while let length = search.next {
      search.note(reads <= length ? .same(tokens: tells ? reads : nil) : .differ, at: length)
    }
    return search
  }

  @Test(arguments: [true, false])
  func `no search sends more than it may, and none names more than is read`(tells: Bool) {
    for reads in stride(from: 33, through: 9_300, by: 7) {
      let search = Self.search(nil, reads: reads, tells: tells)
      #expect(search.sentTokens <= CutSearch.mostTokens, "\(reads)")
      switch search.verdict {
      case .cuts(let limit, let below, let isExact):
        #expect(limit <= reads && reads <= below, "\(reads): \(search.verdict)")
        #expect(!tells || isExact && limit == reads, "\(reads): \(search.verdict)")
      case .readsAll(let length): #expect(reads > 8_192 && length == 8_192, "\(reads)")
      default: Issue.record("\(reads): \(search.verdict)")
      }
    }
  }

  @Test(arguments: [(8_192, true), (13_000, true), (14_000, false), (128_000, false)])
  func `a known limit is tried alone, and not where that is too dear`(known: Int, isTried: Bool) {
    let search = CutSearch(known: known)
    #expect((search.next == known) == isTried)
    #expect((search.plannedTokens > 0) == isTried)
    #expect(isTried || search.finding().mark == .skipped)
  }

  @Test(arguments: [
    (512, true, "nothing, while"), (512, false, "set too_long: truncate or average"),
    (340, true, "set max_input_tokens: 340"), (340, false, "set max_input_tokens: 340"),
  ])
  func `what to do about a cut depends on where it is, and on what a run sends`(
    reads: Int, keepsToLimit: Bool, next: String
  ) {
    let finding = Self.search(512, reads: reads, tells: true).finding(keepsToLimit: keepsToLimit)
    #expect(finding.mark == .warning && finding.next?.hasPrefix(next) == true, "\(finding)")
  }

  @Test func `a refusal ends the search, and says nothing of a cut`() {
    var search = CutSearch(known: nil)
    search.note(.differ, at: 512)
    search.note(.refused, at: 2_048)
    #expect(search.next == nil)
    #expect(search.verdict == .refuses(length: 2_048))
    #expect(search.catalogueEntry(model: "m", provider: "p") == nil)
  }

  @Test(arguments: [32, 512, 8_192])
  func `a pair is the same for its length and differs behind it`(length: Int) {
    let (one, other) = CutSearch.pair(at: length)
    let words = (one.split(separator: " "), other.split(separator: " "))
    #expect(words.0.prefix(length) == words.1.prefix(length))
    #expect(zip(words.0, words.1).dropFirst(length).allSatisfy { $0 != $1 })
    #expect(words.0.count + words.1.count == CutSearch.tokens(at: length))
  }

  @Test(arguments: ["a: b", "yes", "7", "m #1", "\"q\"", "héllo"])
  func `a name that YAML would take for something else is quoted`(name: String) {
    let search = Self.search(nil, reads: 100, tells: true)
    #expect(search.catalogueEntry(model: name, provider: "p")?.contains("  - id: \"") == true)
  }

  @Test(arguments: [(0, "0 warnings"), (1, "1 warning"), (2, "2 warnings")])
  func `the last line counts what was found`(_ warnings: Int, _ told: String) {
    var report = CheckReport(job: "j")
    let group = CheckReport.Group(name: "database", place: "")
    _ = report.add(.ok("key", "id"), to: group)
    for _ in 0..<warnings { _ = report.add(.warning("index", "none", next: "make one"), to: group) }
    #expect(report.ending == "\n1 ok, \(told), 0 failed; nothing was written")
  }

  /// An embedder whose answers a test makes.
  private struct Answering: Embedder {
    let vector: @Sendable (String, Int) -> [Float]
    /// What becomes of the vectors of several texts.
    let together: @Sendable ([[Float]]) -> [[Float]]
    /// The answer to several texts; nil for their vectors.
    let refusal: EmbeddingFailure?
    let count = Locked(0)

    func embed(_ texts: [String], as role: EmbeddingRole) async throws(EmbeddingFailure) -> EmbeddingReply {
      let number = count.withLock { count in
        count += 1
        return count
      }
      if texts.count > 1, let refusal { throw refusal }
      let vectors = texts.map { vector($0, number) }
      return EmbeddingReply(
        vectors: Vectors(dimensions: 2, values: (texts.count > 1 ? together(vectors) : vectors).flatMap(\.self)),
        billedTokens: nil)
    }
  }

  private static func findings(
    mostTexts: Int = .max, together: @escaping @Sendable ([[Float]]) -> [[Float]] = { $0 },
    refusal: EmbeddingFailure? = nil, _ vector: @escaping @Sendable (String, Int) -> [Float]
  ) async throws -> [Finding] {
    let found = Locked<[Finding]>([])
    _ = try await ProviderCheck(
      embedder: Answering(vector: vector, together: together, refusal: refusal),
      model: Model(name: "m", dimensions: 2), limits: Job.Limits(), mostTexts: mostTexts,
      catalogueName: "openai"
    ) { finding in found.withLock { $0.append(finding) } }.run()
    return found.withLock(\.self)
  }

  @Test func `a vector that is not normalised is a warning`() async throws {
    let findings = try await Self.findings { _, _ in [3, 4] }
    let norm = try #require(findings.first { $0.check == "norm" })
    #expect(norm.mark == .warning && norm.found.contains("length 5.000"))
  }

  @Test func `a server that gives a text two vectors is not compared`() async throws {
    let findings = try await Self.findings { _, number in number.isMultiple(of: 2) ? [1, 0] : [0.8, 0.6] }
    #expect(findings.first { $0.check == "again" }?.mark == .warning)
    #expect(!findings.contains { $0.check == "long texts" })
  }

  @Test(arguments: [(0.0, 5e-5, true), (0.0, 2e-4, false), (1e-4, 9e-4, true), (1e-4, 2e-3, false)])
  func `what a server rounds otherwise is no difference`(noise: Double, distance: Double, isSame: Bool) {
    #expect(Likeness(noise: noise).isSame(distance: distance) == isSame)
  }

  @Test func `a server that rounds otherwise each time is still found out`() async throws {
    // All long texts are read to the same: only rounding tells them apart.
    let findings = try await Self.findings { text, number in
      text.utf8.count < 200 ? Self.own(text, number) : [1, number.isMultiple(of: 2) ? 0.004 : 0]
    }
    #expect(findings.first { $0.check == "long texts" }?.found.hasPrefix("cut silently") == true, "\(findings)")
  }

  /// A vector that depends on the text, and a little on when it is asked for.
  private static func own(_ text: String, _ number: Int) -> [Float] {
    let angle = Float(text.utf8.count) / 40 + (number.isMultiple(of: 2) ? 0.004 : 0)
    return [cosf(angle), sinf(angle)]
  }

  @Test func `texts that get their own vectors, alone and together, are fine`() async throws {
    let findings = try await Self.findings { text, number in Self.own(text, number) }
    #expect(findings.first { $0.check == "texts" }?.mark == .ok, "\(findings)")
    #expect(findings.contains { $0.check == "long texts" })
  }

  @Test func `short texts with one vector fail, and no limit is told of them`() async throws {
    let findings = try await Self.findings { _, _ in [1, 0] }
    let finding = try #require(findings.first { $0.check == "texts" })
    #expect(finding.mark == .failed && finding.exitCode == .badData && finding.found.contains("the same vector"))
    #expect(!findings.contains { $0.check == "long texts" })
  }

  /// What a server makes of the three texts of one request.
  @Test(arguments: [[0, 0, 0], [0, 2, 1], [1, 0, 2]])
  func `a text that gets another's vector in a request of several fails`(order: [Int]) async throws {
    let findings = try await Self.findings(
      together: { vectors in order.map { vectors[$0] } }, { text, _ in Self.own(text, 1) })
    let finding = try #require(findings.first { $0.check == "texts" })
    #expect(finding.mark == .failed && finding.found.contains("doesn't get its own vector"), "\(finding)")
    #expect(finding.next?.contains("batch_size: 1") == true)
  }

  @Test(arguments: [
    (EmbeddingFailure.Kind.brokenReply, Finding.Mark.failed), (.tooLarge, .warning), (.timedOut, .warning),
  ])
  func `a request of several texts that fails is told`(kind: EmbeddingFailure.Kind, mark: Finding.Mark) async throws {
    let findings = try await Self.findings(refusal: EmbeddingFailure(kind, "no")) { text, _ in Self.own(text, 1) }
    #expect(findings.first { $0.check == "texts" }?.mark == mark)
    let alone = try await Self.findings(mostTexts: 1, refusal: EmbeddingFailure(kind, "no")) { text, _ in
      Self.own(text, 1)
    }
    #expect(!alone.contains { $0.check == "texts" }, "a run asks for one text at a time")
  }

  @Test func `a network file system, a path and a disk without space fail by their own code`() {
    func codes(_ place: LedgerPlace) -> [ExitCode?] {
      place.findings(path: "p", needed: 1_000_000, refusal: nil).map(\.exitCode)
    }
    #expect(codes(LedgerPlace(exists: true, networkFileSystem: "NFS", freeBytes: 1 << 40)) == [.configuration, nil])
    #expect(codes(LedgerPlace(exists: false, obstacle: "/x", freeBytes: 1 << 40)) == [.localIO, nil])
    #expect(codes(LedgerPlace(exists: false, freeBytes: 10)) == [nil, .localIO])
    let low = LedgerPlace(exists: true, freeBytes: 2_000_000).findings(path: "p", needed: 1_000_000, refusal: nil)
    #expect(low.map(\.mark) == [.ok, .warning])
  }

  @Test func `a server that lacks what a job needs fails, and says who mends it`() {
    var server = ServerSurvey(product: "PostgreSQL 12.1")
    server.isTooOld = true
    server.role = "r"
    server.pgvector = ServerSurvey.Extension()
    #expect(server.findings.map(\.mark) == [.failed, .failed])
    #expect(server.findings[1].found.contains("the server doesn't have it"))
    server.pgvector = ServerSurvey.Extension(offered: "0.8.1", mayInstall: false)
    #expect(server.findings[1].next?.contains("superuser") == true)
    server.pgvector = ServerSurvey.Extension(installed: PgVector(schema: "public", version: "0.7.0"))
    #expect(server.findings[1].mark == .warning)
    var file = ServerSurvey(product: "SQLite 3")
    file.readOnly = "this user may not write the file"
    #expect(file.findings.map(\.exitCode) == [.denied])
  }

  @Test func `the first failed check decides the exit, and a warning decides nothing`() {
    var report = CheckReport(job: "j")
    let group = CheckReport.Group(name: "g", place: "")
    _ = report.add(.warning("a", "odd", next: "look"), to: group)
    #expect(report.failure == nil)
    _ = report.add(.failed("b", .denied, "no right", next: "grant it"), to: group)
    _ = report.add(.failed("c", .configuration, "no table", next: "make it"), to: group)
    #expect(report.failure?.exitCode == .denied)
    #expect(report.failure?.description == "g: b: no right; grant it")
    #expect(report.ending == "\n0 ok, 1 warning, 2 failed; nothing was written")
  }

  @Test func `nobody is advised to set what a partitioned table's run refuses`() {
    for (kind, pieces) in [(TableSurvey.Kind.partitioned, false), (.table, true)] {
      var survey = TableSurvey(kind)
      survey.hasRowSecurity = false
      if pieces {
        survey.pieces = TableSurvey.Pieces(
          isPartitioned: true, ownership: TableSurvey.Ownership(owner: "o", isOwn: true))
      }
      #expect(
        survey.indexFindings(about: "m.embedding").map(\.finding.next).allSatisfy { $0?.contains("ON ONLY") == true })
    }
    var plain = TableSurvey(.table)
    plain.hasRowSecurity = false
    #expect(plain.indexFindings(about: "m.embedding").first?.finding.next?.contains("when: after") == true)
  }
}
