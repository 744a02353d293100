import Foundation
import TestSupport
import Testing

/// What `scripts/fuzz` found, and what it begins with: each input keeps the promises, and so do inputs near it.
@Suite(.timeLimit(.minutes(5)))
struct CorpusTests {
  /// The inputs of a target, by their names.
  static func corpus(of target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
    let folder = RepositoryFiles.path("Tests/FuzzTests/Corpus/\(target)")
    return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { name in
      (name, Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))))
    }
  }

  @Test(arguments: FuzzTarget.allCases)
  func `each input of the corpus keeps the promises, and takes less than five seconds`(target: FuzzTarget) throws {
    let corpus = try Self.corpus(of: target)
    #expect(corpus.count >= 3)
    for (name, bytes) in corpus {
      let began = ContinuousClock.now
      #expect(target.check(bytes) == nil, "\(target)/\(name)")
      #expect(began.duration(to: .now) < .seconds(5), "\(target)/\(name)")
    }
  }

  @Test(arguments: FuzzTarget.allCases)
  func `inputs that are changed at random keep them too`(target: FuzzTarget) throws {
    let seed = ProcessInfo.processInfo.environment["VECFILL_SEED"].flatMap { UInt64($0) } ?? .random(in: 1...1_000_000)
    print("seed: \(seed) (\(target))")
    var random = SeededGenerator(seed: seed)
    let corpus = try Self.corpus(of: target).map(\.bytes).filter { (1..<20_000).contains($0.count) }
    for round in 0..<200 {
      var bytes = try #require(corpus.randomElement(using: &random))
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        Self.change(&bytes, with: corpus.randomElement(using: &random) ?? [], using: &random)
      }
      #expect(target.check(bytes) == nil, "\(target), VECFILL_SEED=\(seed), round \(round): \(bytes)")
    }
  }

  @Test(arguments: FuzzTarget.allCases, ["[", "{\"a\":", "- ", "? ", "(", "{a: ", "<p>", "/*", "\\"])
  func `what is opened 100,000 times and never closed keeps them too`(target: FuzzTarget, opening: String) {
    // Six readings of each token take too long for as many in a build for tests.
    let deep = Array(String(repeating: opening, count: target == .migration ? 10_000 : 100_000).utf8)
    let beginnings: [String] =
      switch target {
      case .reply: ["000091", "000090", "001091{\"data\":[{\"embedding\":", "401091"]
      case .headers: ["00\n", "10a: "]
      case .batch: [";", ";{\"custom_id\":\"a\",\"response\":{\"status_code\":400,\"body\":"]
      case .load: ["", "{\"key\":"]
      case .spec: ["", "sources: ", "sources: [{table: a}]\nbody: "]
      case .spool: ["0000\n\n\n", "0000\n\n\n{\"rows\":[{\"k\":"]
      case .ledger: ["2", "1batch.contents="]
      case .dotenv, .catalogue, .url, .migration: [""]
      }
    for beginning in beginnings { #expect(target.check(Array(beginning.utf8) + deep) == nil) }
  }

  private static func change(
    _ bytes: inout [UInt8], with other: [UInt8], using random: inout some RandomNumberGenerator
  ) {
    func part(of bytes: [UInt8]) -> Range<Int> {
      let start = Int.random(in: 0...bytes.count, using: &random)
      return start..<Int.random(in: start...min(bytes.count, start + 64), using: &random)
    }
    switch Int.random(in: 0..<5, using: &random) {
    case 0: bytes.removeSubrange(part(of: bytes))
    case 1: bytes.insert(contentsOf: other[part(of: other)], at: part(of: bytes).lowerBound)
    case 2: bytes.replaceSubrange(part(of: bytes), with: other[part(of: other)])
    case 3: bytes.insert(.random(in: 0...255, using: &random), at: part(of: bytes).lowerBound)
    default:
      guard let place = bytes.indices.randomElement(using: &random) else { return }
      bytes[place] = .random(in: 0...255, using: &random)
    }
  }
}
