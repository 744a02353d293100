import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// `vecfill adopt`: a column that another tool filled is proven by a sample, recorded, and gone on with.
@Suite struct AdoptTests {
  @Test(arguments: ChatDatabase.Engine.allCases)
  func `a column of the job's model is recorded, and a run goes on with it without a comparison`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await FilledTable.run(engine) { table in
      try await table.run("INSERT INTO m (id, content) VALUES (100, 'new one'), (101, 'new two')")
      let exit = try await table.command("adopt", ["--yes"])
      #expect(exit.code == 0, "\(exit.output)\(exit.errors)")
      #expect(exit.output.contains("adopted as [model=text-embedding-3-small"), "\(exit.output)")
      let sampled = table.scene.server.record.requests.count
      #expect(sampled > 0)
      // Another machine, with another ledger.
      let run = try await table.scene.fill([], table.place.merging(table.scene.elsewhere("other")) { $1 })
      #expect(run.code == 0, "\(run.errors)")
      let requests = table.scene.server.record.requests.dropFirst(sampled)
      #expect(requests.flatMap(\.digests) == [TextDigest(of: "new one"), TextDigest(of: "new two")])
      #expect(try await table.rows("SELECT count(*) FROM m WHERE embedding IS NULL")[0][0] == "0")
      let again = try await table.command("adopt", ["--yes"])
      #expect(again.code == 0 && again.output.contains("is known already"), "\(again.output)\(again.errors)")
      let other = try await table.command("adopt", ["--yes", "--model", "other"])
      #expect(other.code == 78, "\(other.errors)")
      #expect(table.scene.server.record.requests.count == sampled + requests.count)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `vectors of another model are refused, with what they look like, and nothing is recorded`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await FilledTable.run(engine, prefix: "other: ") { table in
      let exit = try await table.command("adopt", ["--yes"])
      #expect(exit.code == 78, "\(exit.errors)")
      #expect(exit.errors.contains("came out different") && exit.errors.contains("8 dimensions"), "\(exit.errors)")
      let run = try await table.scene.fill(["--model", "other"], table.place)
      // The server's other model makes just these vectors.
      #expect(run.code == 0, "\(run.errors)")
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres18, .sqlite])
  func `texts that were prepared otherwise are told by the preparation that fits`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await FilledTable.run(engine, newlines: .keep) { table in
      // The job makes spaces of line breaks.
      let exit = try await table.command("adopt", ["--yes", "--sample", "60"])
      #expect(exit.code == 78, "\(exit.errors)")
      #expect(exit.errors.contains("set preparation.newlines: keep in the job"), "\(exit.errors)")
      try table.scene.write(
        spec: "sources: [{table: m}]\nmodel: text-embedding-3-small\ndimensions: 8\nprefix: \"passage: \"\n")
      let prefixed = try await table.command("adopt", ["--yes"])
      #expect(prefixed.code == 78, "\(prefixed.errors)")
      #expect(prefixed.errors.contains("set prefix: \"\" in the job"), "\(prefixed.errors)")
      try table.scene.write(spec: "sources: [{table: m}]\nmodel: text-embedding-3-small\ndimensions: 8\n")
      #expect(try await table.command("adopt", ["--yes"]).code == 0)
    }
  }

  @Test func `a few edited rows keep nothing from being adopted, and are told; many do`() async throws {
    try await FilledTable.run(.sqlite) { table in
      try await table.run("UPDATE m SET content = 'edited ' || content WHERE id IN (5, 6)")
      let exit = try await table.command("adopt", ["--yes", "--sample", "60"])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(
        exit.errors.contains("2 sampled rows (") && exit.errors.contains("set the vectors of edited rows to NULL"))
    }
    try await FilledTable.run(.sqlite) { table in
      try await table.run("UPDATE m SET content = 'edited ' || content WHERE id <= 12")
      let exit = try await table.command("adopt", ["--yes", "--sample", "60"])
      #expect(exit.code == 78, "\(exit.errors)")
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres18, .sqlite])
  func `without --yes nothing is sent and nothing is recorded; other dimensions are refused at once`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await FilledTable.run(engine) { table in
      let exit = try await table.command("adopt")
      #expect(exit.code == 64 && exit.errors.contains("add --yes"), "\(exit.errors)")
      let other = try await table.command("adopt", ["--yes", "--dimensions", "16"])
      #expect(other.code == 78 && other.errors.contains("8 dimensions"), "\(other.errors)")
      #expect(table.scene.server.record.requests.isEmpty)
      let empty = try await table.rows("SELECT count(*) FROM m WHERE embedding IS NULL")
      #expect(empty[0][0] == "0")
    }
  }

  @Test func `a column that is being filled is not adopted`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await FilledTable.run(.postgres18) { table in
      try await table.run("INSERT INTO m (id, content) VALUES (100, 'new one')")
      table.scene.server.add(.request(0, .hold(gate, then: .answer)))
      let process = try table.scene.start(["run", "job.yaml"], table.place)
      try await table.scene.server.wait { $0.inFlight == 1 }
      let exit = try await table.command("adopt", ["--yes"])
      #expect(exit.code == 80, "\(exit.errors)")
      gate.open()
      #expect(await process.exit().code == 0)
    }
  }
}
