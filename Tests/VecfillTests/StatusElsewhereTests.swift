import Foundation
import TestSupport
import Testing

/// `vecfill status` on a machine whose ledger knows nothing of the job, as an operator's laptop beside the pods that run it.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct StatusElsewhereTests {
  /// What the ledger of that machine is.
  enum Laptop: CaseIterable {
    case withoutLedger
    case withAnotherJob

    func environment(_ scene: Scene) async throws -> [String: String?] {
      let environment = ShardTests.machine("laptop", of: scene)
      guard self == .withAnotherJob else { return environment }
      try Data(scene.spec.utf8).write(to: URL(fileURLWithPath: scene.folder.file("other.yaml")))
      let exit = try await scene.start(["run", "other.yaml"], environment).exit()
      try #require(exit.code == 0, "\(exit.errors)")
      return environment
    }
  }

  @Test(arguments: Laptop.allCases)
  func `it shows the shards and what is shared, as the spec's database has them`(laptop: Laptop) async throws {
    try await Scene.run(.postgres18) { scene in
      try scene.write(spec: "\(scene.spec)\nshare: database\n")
      try await scene.database.insert((0..<40).map { "message \($0)" })
      #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0)
      let run = try await scene.fill(["--shard", "1"])
      #expect(run.code == 0 && run.output.hasPrefix("job shard 1: complete\n"), "\(run.output)\(run.errors)")
      let environment = try await laptop.environment(scene)

      let text = try await scene.start(["status", "job.yaml"], environment).exit()
      #expect(text.code == 0, "\(text.errors)")
      for words in ["job: no run of it is in this ledger\n", " spent, ", "2 shards of 20 rows each; 1 done"] {
        #expect(text.output.contains(words), "\(text.output)")
      }
      let json = try await scene.start(["status", "job.yaml", "--json"], environment).exit()
      let jobs = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]]
      let job = try #require(jobs?.first, "\(json.output)\(json.errors)")
      #expect(jobs?.count == 1 && job["job"] as? String == "job" && job["state"] as? String == "no run here")
      #expect((job["shared"] as? [String: Any])?["spent_usd"] is Double)
      #expect((job["shards"] as? [String: Any])?["count"] as? Int == 2)

      let away: [String: String?] = ["DATABASE_URL": "postgresql://127.0.0.1:1/none"]
      let unknown = try await scene.start(["status", "job.yaml", "--json"], environment.merging(away) { $1 }).exit()
      #expect(unknown.code == 69 && unknown.output.isEmpty, "\(unknown.output)\(unknown.errors)")
      let byName = try await scene.start(["status", "jbo"], environment).exit()
      #expect(byName.code == (laptop == .withoutLedger ? 0 : 64), "\(byName.output)\(byName.errors)")
    }
  }

  @Test func `a job whose database keeps nothing of it has no run yet`() async throws {
    try await Scene.run(.postgres18) { scene in
      let text = try await scene.start(["status", "job.yaml"]).exit()
      #expect(text.code == 0 && text.output == "no job has run yet; the ledger would be \(scene.ledgerPath)\n")
      let json = try await scene.start(["status", "job.yaml", "--json"]).exit()
      #expect(json.code == 0 && json.output == "[]\n", "\(json.output)\(json.errors)")
    }
  }
}
