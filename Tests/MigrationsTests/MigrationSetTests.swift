import Backfill
import Foundation
import Migrations
import Testing

@Suite struct MigrationSetTests {
  @Test func `the set that ships is whole for both dialects, and its withdrawn versions are known`() throws {
    let postgres = try MigrationSet(in: Fixture.shipped, for: .postgres)
    let sqlite = try MigrationSet(in: Fixture.shipped, for: .sqlite)
    #expect(postgres.migrations.map(\.version) == Array(1...7))
    #expect(sqlite.migrations.map(\.version) == [1, 3, 4, 5])
    #expect((postgres.migrations + sqlite.migrations).allSatisfy { $0.down != nil })
    #expect(postgres.withdrawn.map(\.version) == [8, 9])
    #expect(sqlite.withdrawn.map(\.version) == [8, 9])
    #expect(try MigrationSet.nextVersion(in: Fixture.shipped) == 10)
  }

  @Test func `a file for a dialect is taken before one for all`() throws {
    let folder = try Folder([
      "1_a.up.sql": "SELECT 1", "1_a.postgres.up.sql": "SELECT 2", "1_a.down.sql": "SELECT 3",
    ])
    #expect(try folder.set().migrations[0].up.statements.map(\.text) == ["SELECT 2"])
    #expect(try folder.set(.sqlite).migrations[0].up.statements.map(\.text) == ["SELECT 1"])
  }

  @Test(arguments: [
    (["a.sql": ""], "a.sql: it is not named"),
    (["1-a.up.sql": ""], "it is not named"),
    (["0_a.up.sql": ""], "it is not named"),
    (["1_a.up.sql": "SELECT 1", "1_b.up.sql": "SELECT 1"], "has the same number"),
    (["1_a.down.sql": "SELECT 1"], "there is no up.sql to it"),
    (["1_a.up.sql": "-- vecfill: no-transacton\nSELECT 1"], "1_a.up.sql:1: there is no directive no-transacton"),
    (["1_a.up.sql": "-- vecfill: after-load chat"], "there is no directive after-load chat"),
    (
      ["1_a.up.sql": "-- vecfill: no-transaction\nSELECT 1; SELECT 2"], "declared no-transaction and holds 2 statements"
    ),
    (["1_a.up.sql": "SELECT 1;\nCOMMIT;"], "1_a.up.sql:2: a migration holds no COMMIT"),
  ])
  func `what would be passed over is refused by name`(_ files: [String: String], _ message: String) {
    let failure = #expect(throws: Failure.self) { try Folder(files).set() }
    #expect(failure?.description.contains(message) == true, "\(failure.map(\.description) ?? "")")
  }

  @Test(arguments: [
    ("CREATE TABLE t (a int);", "create  table T -- why\n( a INT )", true),
    ("SELECT 'a b'", "SELECT 'a  b'", false),
    ("SELECT \"A\"", "SELECT \"a\"", false),
    ("DROP INDEX i", "-- vecfill: no-transaction\nDROP INDEX i", false),
  ])
  func `a checksum is of what a script does`(_ one: String, _ other: String, _ areEqual: Bool) throws {
    let checksums = try [one, other].map { try Folder(ups: ["1_a": $0]).set().migrations[0].checksum }
    #expect((checksums[0] == checksums[1]) == areEqual)
    #expect(checksums[0].count == 64)
  }

  static func record(
    _ migration: Migration, _ outcomes: [Outcome] = [.done], state: MigrationRecord.State = .applied,
    of folder: String = MigrationSet.shippedLabel
  ) -> MigrationRecord {
    MigrationRecord(migration, of: folder, state: state, outcomes: outcomes)
  }

  @Test func `a plan holds what is pending, what was interrupted and what left a table for later`() throws {
    let set = try Folder(ups: ["1_a": "SELECT 1", "2_b": "SELECT 2", "3_c": "SELECT 3", "4_d": "SELECT 4"]).set()
    let records = [
      Self.record(set.migrations[0]), Self.record(set.migrations[1], [.absent]),
      Self.record(set.migrations[2], state: .started),
    ]
    #expect(MigrationPlan.up(set, records).steps.map(\.migration.version) == [2, 3, 4])
    #expect(MigrationPlan.up(set, records, to: 2).steps.map(\.migration.version) == [2])
    #expect(MigrationPlan.down(set, records).steps.map(\.migration.version) == [3])
    #expect(MigrationPlan.down(set, records, to: 1).steps.map(\.migration.version) == [3, 2])
    #expect(MigrationPlan.down(set, []).steps == [])
  }

  @Test func `edited, missing and out-of-order files are named`() throws {
    let folder = try Folder(ups: ["1_a": "SELECT 1", "2_b": "SELECT 2", "3_c": "SELECT 3", "5_e": "SELECT 5"])
    let applied = try folder.set()
    let records = [1, 2, 5].compactMap { applied[$0] }.map { Self.record($0, of: applied.label) }
    try folder.write("SELECT 0", to: "1_a.up.sql")
    try folder.remove("2_b.up.sql")
    try folder.remove("2_b.down.sql")
    let set = try folder.set()
    let problems = MigrationPlan.up(set, records).problems.map(\.description)
    #expect(
      problems == [
        "0002_b is applied and its file is missing", "0001_a was edited after it was applied",
        "0003_c is pending though 0005_e is applied",
      ])
  }

  @Test func `what waits for a load may be applied out of order`() throws {
    let load = "-- vecfill: after-load t.e\nSELECT 1"
    let set = try Folder(ups: ["1_a": load, "2_b": "SELECT 2", "3_c": load]).set()
    let records = [set.migrations[1], set.migrations[2]].map { Self.record($0) }
    #expect(MigrationPlan.up(set, records).problems == [])
  }

  @Test func `a folder that was moved is known by what is recorded, and another's records are not taken for its own`()
    throws
  {
    let moved = try Folder(ups: ["1_a": "SELECT 1", "2_b": "SELECT 2", "3_c": "SELECT 3"]).set()
    let other = try Folder(ups: ["1_a": "SELECT 1", "2_x": "SELECT 7", "3_y": "SELECT 8"]).set()
    let records = moved.migrations.map { Self.record($0, of: "elsewhere/migrations") }
    #expect(moved.own(records).label == "elsewhere/migrations")
    #expect(MigrationPlan.up(moved, records).steps == [])
    #expect(other.own(records).records == [])
    let plan = MigrationPlan.up(other, records)
    #expect(plan.problems == [])
    #expect(plan.steps.map(\.folder) == Array(repeating: other.label, count: 3))
    #expect(MigrationPlan.down(other, records, to: 0).steps == [])
  }

  @Test(arguments: ["/a/jobs/migrations", "/usr/share/vecfill/migrations", "jobs/migrations/"])
  func `what ships has one label wherever it lies`(_ path: String) throws {
    let folder = try Folder([:])
    let nested = folder.path + "/" + path
    try FileManager.default.createDirectory(atPath: nested, withIntermediateDirectories: true)
    #expect(try MigrationSet(in: nested, for: .postgres).label == MigrationSet.shippedLabel)
  }
}
