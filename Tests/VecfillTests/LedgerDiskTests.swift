import Foundation
import Ledger
import TestSupport
import Testing

/// The ledger's disk fails, is full, or loses power, at each of its writes and syncs in turn.
@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: PreloadedLibrary.compiler), "there is no C compiler"))
struct LedgerDiskTests {
  /// `VECFILL_DISK_POINTS=10000` tries each write and sync; the default is a share of them.
  static let points = ProcessInfo.processInfo.environment["VECFILL_DISK_POINTS"].flatMap(Int.init) ?? 5
  static let seed =
    ProcessInfo.processInfo.environment["VECFILL_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0..<1 << 32)

  /// What a fault at one point came to.
  struct Outcome {
    let code: Int32
    let errors: String
    /// How the run after it ended, which met no fault.
    let next: VecfillProcess.Exit
    /// Inputs that were paid again, beyond those of the requests that count as possibly paid.
    let paidAgain: Int
    let wrong: [String]
  }

  /// A run of 60 rows whose ledger's disk fails at `event`, and then a run without a fault.
  static func outcome(_ disk: UnreliableDisk, _ mode: UnreliableDisk.Mode, at event: Int) async throws -> Outcome {
    try await scene { scene, folder in
      let exit = try await scene.fill([], disk.environment(mode, below: folder, at: event, seed: seed))
      let next = try await scene.fill()
      // A ledger that no sync has reached may be no database any more.
      let possiblyPaid = (try? await scene.status())?.totals.possiblyPaid ?? 0
      return Outcome(
        code: exit.code ?? -1, errors: exit.errors, next: next,
        paidAgain: scene.server.record.billedAgain - 10 * possiblyPaid,
        wrong: try await scene.wrongRows())
    }
  }

  /// - Parameter body: gets the ledger's folder, too.
  static func scene<T>(_ body: (Scene, String) async throws -> T) async throws -> T {
    var result: T?
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((0..<60).map { "message \($0)" })
      result = try await body(scene, URL(fileURLWithPath: scene.ledgerPath).deletingLastPathComponent().path)
    }
    return try #require(result)
  }

  /// How many writes and syncs of the ledger an undisturbed run makes, and which of them are tried.
  static func tried(_ disk: UnreliableDisk) async throws -> (all: Int, points: [Int]) {
    let all = try await scene { scene, folder in
      #expect(try await scene.fill([], disk.environment(.lost, below: folder)).code == 0)
      return try disk.events(below: folder)
    }
    var random = SeededGenerator(seed: seed)
    return (all, Array((1...all).shuffled(using: &random).prefix(points)))
  }

  @Test(arguments: [UnreliableDisk.Mode.error, .full, .lost, .torn])
  func `no row is wrong and nothing that was received is paid twice`(mode: UnreliableDisk.Mode) async throws {
    let disk = try UnreliableDisk()
    let (all, points) = try await Self.tried(disk)
    var codes: [Int32: Int] = [:]
    for point in points {
      let outcome = try await Self.outcome(disk, mode, at: point)
      let place = Comment(rawValue: "\(mode) at write or sync \(point) of \(all), seed \(Self.seed): \(outcome.errors)")
      #expect(outcome.next.code == 0, "\(mode) at \(point), seed \(Self.seed): \(outcome.next.errors)")
      #expect(outcome.wrong == [], place)
      #expect(outcome.paidAgain <= 0, place)
      codes[outcome.code, default: 0] += 1
      switch mode {
      case .lost, .torn, .liar:
        // A run makes a few writes fewer where its replies come in another order.
        #expect(outcome.code == UnreliableDisk.powerCut || outcome.code == 0, place)
      case .error, .full:
        // Nothing goes on without the ledger.
        #expect(outcome.code == 74 || outcome.code == 0, place)
        #expect(outcome.errors.split(separator: "\n").count { $0.hasPrefix("error: ") } <= 1, place)
      }
    }
    print(
      "figure: \(mode), seed \(Self.seed): \(points.count) of \(all) writes and syncs tried, exit codes \(codes.sorted { $0.key < $1.key })"
    )
    // The fault has really happened.
    #expect(codes.filter { $0.key != 0 }.values.reduce(0, +) > points.count / 2)
  }

  @Test func `a disk on which no sync does anything is seen to lose what was paid for`() async throws {
    let disk = try UnreliableDisk()
    let (all, _) = try await Self.tried(disk)
    var lost = 0
    for point in stride(from: all / 2, to: all, by: max(1, all / 16)) {
      let outcome = try await Self.outcome(disk, .liar, at: point)
      if outcome.paidAgain > 0 || outcome.next.code != 0 { lost += 1 }
    }
    #expect(lost > 0)
  }
}
