import Backfill
import EmbeddingAPIs
import Foundation
import Ledger
import TestSupport
import Testing

/// `vecfill export` and `vecfill load`: rows leave as files and vectors come back as files.
@Suite struct ExportLoadTests {
  @Test(arguments: ChatDatabase.Engine.allCases)
  func `what is exported, embedded elsewhere and loaded is what a run would have made`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await ExchangeScene.run(engine) { exchange in
      let scene = exchange.scene
      try await scene.database.insert((0..<150).map { "message\n\($0)" } + [" ", "same", "same"])
      try await scene.database.insert((0..<40).map { "other \u{2028} \($0)" }, into: "standalone_chat_messages")
      let exit = try await exchange.export(["--gzip", "--part-rows", "60"])
      #expect(exit.code == 0 && exit.output.contains("exported 192 rows"), "\(exit.output)\(exit.errors)")
      #expect(exit.output.contains("1 blank"), "\(exit.output)")
      let requests = try exchange.requests()
      #expect(requests.count == 192 && Set(requests.map(\.customID)).count == 192)
      #expect(requests[0].body.input == ["message 0"] && requests[0].body.model == "text-embedding-3-small")
      #expect(requests[0].body.dimensions == 8)
      // Two rows were edited since.
      try await scene.database.run("UPDATE chat_messages SET content = 'edited' WHERE id IN (3, 4)")
      try exchange.write(requests.reversed().map { exchange.result($0) })
      let loaded = try await exchange.load(["--paid", "0.25"])
      #expect(loaded.code == 0, "\(loaded.output)\(loaded.errors)")
      #expect(loaded.output.contains("loaded 190 rows") && loaded.output.contains("stale, not written: 2"))
      #expect(
        loaded.output.contains("rows without a vector: 3, blank and quarantined ones included"), "\(loaded.output)")
      let status = try await scene.start(["status"]).exit().output
      #expect(status.hasPrefix("job: it loaded 190 vectors from files; `vecfill run` fills what lacks a"), "\(status)")
      #expect(try await scene.database.count("content = 'edited' AND embedding IS NULL") == 2)
      let totals = try #require(try await scene.status()).totals
      #expect(totals.cost == 0.25, "\(totals)")
      let again = try await exchange.load(["--paid", "0.25"])
      #expect(again.code == 0 && again.output.contains("loaded 0 rows") && again.output.contains("already: 190"))
      #expect(again.errors.contains("--paid $0.2500 is not entered: no row was written"), "\(again.errors)")
      #expect(try await scene.status()?.totals.cost == 0.25)
      // The run goes on with what the load has left, and nothing else.
      #expect(try await scene.fill().code == 0)
      #expect(scene.server.record.requests.flatMap(\.digests) == [TextDigest(of: "edited")])
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test(arguments: ["after", "rebuild"])
  func `a load that sees to indexes writes no terminal codes where there is no terminal`(when: String) async throws {
    try await ExchangeScene.run(.postgres18, indexed: true) { exchange in
      let scene = exchange.scene
      try scene.write(spec: scene.spec + "\nindex: {when: \(when)}\n")
      try await scene.database.insert((0..<20).map { "message \($0)" })
      #expect(try await exchange.export().code == 0)
      try exchange.write(exchange.requests().map { exchange.result($0) })
      let loaded = try await exchange.load()
      #expect(loaded.code == 0 && loaded.output.contains("loaded 20 rows"), "\(loaded.output)\(loaded.errors)")
      #expect(!loaded.errors.contains("\u{1B}"), "\(loaded.errors)")
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .sqlite])
  func `wrong lines are named and not written, all others are`(engine: ChatDatabase.Engine) async throws {
    let spec = "sources: [{table: chat_messages}]\nmodel: text-embedding-3-small\ndimensions: 8\n"
    try await ExchangeScene.run(engine, spec: spec) { exchange in
      let scene = exchange.scene
      try await scene.database.insert((1...20).map { "message \($0)" })
      _ = try await exchange.export()
      let requests = try exchange.requests()
      #expect(requests.count == 20)
      func line(_ id: Int, _ vector: String, _ more: String = "") -> String {
        "{\"key\":\(id),\"text\":\"message \(id)\",\"vector\":\(vector)\(more)}"
      }
      let unit = "[1,0,0,0,0,0,0,0]"
      let wrong = [
        "{nonsense", line(1, "[1,2]"), line(2, "[NaN,0,0,0,0,0,0,0]"), line(3, "[0,0,0,0,0,0,0,0]"),
        line(4, unit, ",\"model\":\"other\""), line(5, unit, ",\"table\":\"none\""),
        requests[5].customID.isEmpty ? "" : exchange.result(requests[5]).replacing("vf1.0.", with: "vf1.7."),
        #"{"custom_id":"x","response":{"status_code":500},"error":null}"#, "[1]",
        "{\"key\":" + String(repeating: "[", count: 9_000), "{\"key\":\"x\",\"text\":\"a\",\"vector\":\(unit)}",
      ]
      // A row that isn't there, and a text that the row doesn't have.
      let stale = ["{\"key\":999,\"text\":\"a\",\"vector\":\(unit)}", "{\"key\":10,\"text\":\"b\",\"vector\":\(unit)}"]
      let good = exchange.result(requests[10])
      let other = exchange.result(requests[10]) { $0.map { -$0 } }
      try exchange.write(["\u{FEFF}" + good + "\r", good, other, "", exchange.result(requests[11])] + wrong + stale)
      try Data(exchange.result(requests[12]).utf8.dropLast(9)).write(
        to: URL(fileURLWithPath: exchange.vectors + "/b.jsonl"))
      try Data().write(to: URL(fileURLWithPath: exchange.vectors + "/c.jsonl"))
      try FileManager.default.copyItem(
        atPath: exchange.export + "/requests-000001.jsonl", toPath: exchange.vectors + "/requests-000001.jsonl")
      let exit = try await exchange.load()
      #expect(exit.code == 65, "\(exit.output)\(exit.errors)")
      #expect(exit.errors.contains("13 lines not written"), "\(exit.errors)\(exit.output)")
      #expect(exit.output.contains("loaded 2 rows"), "\(exit.output)")
      for told in [
        "there already: 1 row", "left out: 20", "stale, not written: 2", "a.jsonl:6", "b.jsonl:1", "2 dimensions",
        "not finite", "all zeros", "of the model other", "another vector of the same text", "status 500",
        "the file ends within it", "none of the table's",
      ] { #expect(exit.output.contains(told), "\(told): \(exit.output)") }
      #expect(!exit.output.contains("message 1"))
      #expect(try await scene.database.count("embedding IS NOT NULL") == 2)
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres18, .sqlite])
  func `keys of any kind come back as they are`(engine: ChatDatabase.Engine) async throws {
    let spec = """
      sources: [{table: odd, key: [name, part]}]
      model: text-embedding-3-small
      dimensions: 8
      """
    try await ExchangeScene.run(engine, spec: spec) { exchange in
      let database = exchange.scene.database
      let names = ["a.b", "", "é", "e\u{301}", "new\nline", "quo\"te", "\\x00", "🙂", "007"]
      let values = names.enumerated().map { "('\($1)', \($0 % 3 - 1), 'text \($0)')" }.joined(separator: ",")
      try await database.run(
        """
        CREATE TABLE odd (name text NOT NULL, part int NOT NULL, content text, embedding VECTOR(8), PRIMARY KEY (name, part));
        INSERT INTO odd (name, part, content) VALUES \(values)
        """)
      #expect(try await exchange.export().code == 0)
      try exchange.write(try exchange.requests().filter { $0.body.input != ["text 8"] }.map { exchange.result($0) })
      let last =
        "{\"key\":[\"007\",1],\"digest\":\"\(TextDigest(of: "text 8").bytes.hex)\",\"vector\":[1,0,0,0,0,0,0,0]}"
      try exchange.write([last], to: "b.jsonl")
      let exit = try await exchange.load()
      #expect(exit.code == 0 && exit.output.contains("loaded \(names.count) rows"), "\(exit.output)\(exit.errors)")
      #expect(try await database.count("embedding IS NULL", in: "odd") == 0)
    }
  }

  @Test func `pieces of texts are refused by name`() async throws {
    let spec = """
      sources: [{table: chat_messages, chunks: {table: pieces}}]
      model: text-embedding-3-small
      dimensions: 8
      """
    try await ExchangeScene.run(.sqlite, spec: spec) { exchange in
      try exchange.write(["{}"])
      for exit in [try await exchange.export(), try await exchange.load()] {
        #expect(exit.code == 78 && exit.errors.contains("cut into pieces"), "\(exit.errors)")
      }
    }
  }

  @Test func `a folder of another export, or of anything else, is not written to`() async throws {
    try await ExchangeScene.run(.sqlite) { exchange in
      try await exchange.scene.database.insert(["one", "two"])
      #expect(try await exchange.export().code == 0)
      let again = try await exchange.export()
      #expect(again.code == 0 && again.errors.contains("is complete"), "\(again.errors)")
      for (arguments, told) in [
        (["--gzip"], "not compressed"), (["--model", "text-embedding-3-large"], "model=text-embedding-3-small"),
        (["--to", exchange.scene.folder.path], "not empty"),
        (["--to", "job.yaml"], "job.yaml: is a file; name a folder with --to"),
      ] {
        let exit = try await exchange.scene.start(
          ["export", "job.yaml"] + (arguments[0] == "--to" ? [] : ["--to", exchange.export]) + arguments
        ).exit()
        #expect(exit.code == 78 && exit.errors.contains(told), "\(arguments): \(exit.errors)")
      }
      #expect(try exchange.requests().count == 2)
    }
  }

  @Test(.enabled(if: SmallDisk.isPossible)) func `a full disk ends an export with 74, and the next one goes on`()
    async throws
  {
    try await ExchangeScene.run(.sqlite) { exchange in
      let disk = try SmallDisk(in: exchange.scene.folder, megabytes: 1)
      try await exchange.scene.database.insert((0..<300).map { "\($0) \(String(repeating: "x", count: 2_000))" })
      _ = try disk.fill()
      let arguments = ["export", "job.yaml", "--to", disk.path + "/out", "--part-rows", "1"]
      let full = try await exchange.scene.start(arguments).exit()
      #expect(full.code == 74, "\(full.errors)")
      try disk.empty()
      let exit = try await exchange.scene.start(arguments).exit()
      #expect(exit.code == 0 && exit.output.contains("exported 300 rows"), "\(exit.output)\(exit.errors)")
    }
  }
}
