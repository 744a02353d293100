import Foundation
import TestSupport
import Testing

/// `status`, `cost` and `quarantine` read the ledger that `run` has written, wherever its path is set.
@Suite struct LedgerLayerTests {
  enum Layer: String, CaseIterable {
    case flag, environment, dotenv, builtIn
  }

  static let commands = [["status", "--json"], ["cost", "--json"], ["quarantine", "list", "--json"]]

  /// Sets the ledger's path in `layer` to one that is right, and in each layer below to one where nothing is.
  static func set(
    _ layer: Layer, in scene: Scene, right: String = "right/vecfill.db"
  ) throws -> (flags: [String], environment: [String: String?]) {
    let place = { (of: Layer) in of == layer ? right : "wrong-\(of.rawValue)/vecfill.db" }
    var environment: [String: String?] = ["VECFILL_LEDGER": nil]
    if layer == .builtIn { return ([], environment) }
    try Data("VECFILL_LEDGER=\(place(.dotenv))\n".utf8).write(to: URL(fileURLWithPath: scene.folder.file(".env")))
    if layer == .dotenv { return ([], environment) }
    environment["VECFILL_LEDGER"] = place(.environment)
    return (layer == .flag ? ["--ledger", place(.flag)] : [], environment)
  }

  static func rows(_ exit: VecfillProcess.Exit) throws -> Int {
    try #require(try JSONSerialization.jsonObject(with: Data(exit.output.utf8)) as? [Any]).count
  }

  @Test(arguments: Layer.allCases) func `each finds the ledger of the run`(layer: Layer) async throws {
    var options = EmbeddingsServer.Options()
    options.maxInputTokens = 50
    try await Scene.run(.sqlite, options) { scene in
      try await scene.database.insert((0..<30).map { "message \($0)" } + [String(repeating: "word ", count: 200)])
      let (flags, environment) = try Self.set(layer, in: scene)
      let exit = try await scene.fill(flags, environment)
      #expect(exit.code == 83, "\(exit.errors)")
      let found = layer == .builtIn ? "state/vecfill/vecfill.db" : "right/vecfill.db"
      #expect(FileManager.default.fileExists(atPath: scene.folder.file(found)))
      for command in Self.commands {
        let told = try await scene.start(command + flags, environment).exit()
        #expect(told.code == 0, "\(command): \(told.errors)")
        #expect(try Self.rows(told) == 1, "\(command): \(told.output)")
      }
      #expect(try scene.folder.contents.filter { $0.hasPrefix("wrong") } == [])
      let retried = try await scene.start(["quarantine", "retry"] + flags, environment).exit()
      #expect(retried.output.hasPrefix("1 row is"), "\(retried.errors)")
      let emptied = try await scene.start(["quarantine", "list", "--json"] + flags, environment).exit()
      #expect(try Self.rows(emptied) == 0)
      let dropped = try await scene.start(["quarantine", "drop", "chat_messages"] + flags, environment).exit()
      #expect(dropped.code == 0, "\(dropped.errors)")
    }
  }

  @Test(arguments: ["~/right.db", "sub/../right.db"]) func `a path is read as run reads it`(path: String) async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(["message"])
      let (_, environment) = try Self.set(.dotenv, in: scene, right: path)
      try FileManager.default.createDirectory(atPath: scene.folder.file("sub"), withIntermediateDirectories: true)
      #expect(try await scene.fill([], environment).code == 0)
      #expect(FileManager.default.fileExists(atPath: scene.folder.file("right.db")))
      for command in Self.commands.dropLast() {
        let told = try await scene.start(command, environment).exit()
        #expect(told.code == 0, "\(command): \(told.errors)")
        #expect(try Self.rows(told) == 1, "\(command)")
      }
    }
  }

  @Test(arguments: commands) func `a misspelled variable or a broken .env is refused as run refuses it`(
    command: [String]
  ) async throws {
    try await Scene.run(.sqlite) { scene in
      let misspelled = try await scene.start(command, ["VECFILL_LEGDER": "x.db"]).exit()
      #expect(misspelled.code == 78)
      #expect(misspelled.errors.contains("did you mean VECFILL_LEDGER?"), "\(misspelled.errors)")
      try Data("VECFILL_LEDGER: x.db\n".utf8).write(to: URL(fileURLWithPath: scene.folder.file(".env")))
      let broken = try await scene.start(command, ["VECFILL_LEDGER": nil]).exit()
      #expect(broken.code == 78)
      #expect(broken.errors.contains(".env:1: is not NAME=value"), "\(broken.errors)")
    }
  }
}

extension TemporaryFolder {
  fileprivate var contents: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: path) }
  }
}
