import Backfill
import Foundation
import TestSupport
import Testing

@testable import Ledger

@Suite struct SpaceReserveTests {
  private static func id(_ number: Int) -> BatchID { BatchID(run: 1, number: number) }

  private static func blocks(of folder: TemporaryFolder) throws -> Int {
    let process = ["/proc/self/fd"]
    return try process.reduce(0) { sum, place in
      try FileManager.default.contentsOfDirectory(atPath: place).reduce(sum) { sum, name in
        let link = (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(place)/\(name)")) ?? ""
        var status = stat()
        guard link.hasPrefix(folder.path), stat("\(place)/\(name)", &status) == 0 else { return sum }
        return sum + Int(status.st_blocks) * 512
      }
    }
  }

  @Test func `space is held while replies are under way, without a file that anyone sees`() async throws {
    let folder = try TemporaryFolder()
    let reserve = SpaceReserve(in: folder.path)
    #expect(!reserve.giveUp())
    for number in 1...8 { try await reserve.hold(1 << 20, for: Self.id(number)) }
    #expect(try Self.blocks(of: folder) >= 16 << 20)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    for number in 1...8 { reserve.release(Self.id(number)) }
    try await reserve.hold(8 << 20, for: Self.id(9))
    #expect(try Self.blocks(of: folder) == 16 << 20, "what is held already is enough")
    #expect(reserve.giveUp())
    #expect(try Self.blocks(of: folder) == 0)
    #expect(!reserve.giveUp())
    try await reserve.hold(8 << 20, for: Self.id(9))
    #expect(try Self.blocks(of: folder) == 16 << 20, "it is held again")
  }

  @Test func `what the disk has not is refused, and what is held stays held`() async throws {
    let folder = try TemporaryFolder()
    let reserve = SpaceReserve(in: folder.path)
    try await reserve.hold(1 << 20, for: Self.id(1))
    for number in 2...4 {
      await #expect(throws: SpaceReserve.Exhausted.self) { try await reserve.hold(1 << 53, for: Self.id(number)) }
    }
    #expect(try Self.blocks(of: folder) == 4 << 20)
    try await reserve.hold(1 << 20, for: Self.id(5))
  }

  @Test func `a folder that is gone is told`() async throws {
    let reserve = SpaceReserve(in: "/nowhere/at/all")
    let failure = await #expect(throws: SpaceReserve.Exhausted.self) { try await reserve.hold(1, for: Self.id(1)) }
    #expect(failure?.errno == ENOENT)
  }
}
