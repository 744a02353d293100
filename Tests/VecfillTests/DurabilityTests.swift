import Foundation
import TestSupport
import Testing

/// What was paid for once is not paid for again, whatever the database loses.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct DurabilityTests {
  /// A scene in a cluster that may be crashed.
  static func run(
    texts: [String] = (1...60).map { "message \($0)" }, _ body: (PostgresCluster, Scene) async throws -> Void
  ) async throws {
    let cluster = try await PostgresCluster(.eighteen)
    let folder = try TemporaryFolder()
    let database = try await ChatDatabase(in: cluster.freshDatabase())
    try await EmbeddingsServer.run { server in
      let scene = Scene(folder: folder, database: database, server: server)
      try scene.write(spec: scene.spec)
      try await scene.database.insert(texts)
      try await body(cluster, scene)
    }
  }

  @Test func `a server that confirms commits before they are on its disk loses no vector in a crash`() async throws {
    try await Self.run { cluster, scene in
      let name = try #require(URL(string: scene.database.url)).lastPathComponent
      let outside = PostgresDatabase(port: cluster.port, name: "postgres")
      for statement in [
        "ALTER DATABASE \(name) SET synchronous_commit = off", "ALTER SYSTEM SET wal_writer_delay = '10s'",
        "SELECT pg_reload_conf()",
      ] {
        _ = try await outside.run(statement)
      }
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      try await cluster.crash()
      try await cluster.start()
      #expect(try await scene.database.count("embedding IS NULL") == 0)
      #expect(try await scene.fill().code == 0)
      #expect(scene.server.record.billedAgain == 0)
      #expect(scene.server.record.billed.count == 60)
    }
  }

  @Test func `rows that a standby had not received when it took over get their vectors from the ledger`() async throws {
    try await Self.run { cluster, scene in
      let standby = try await cluster.startStandby()
      try await standby.cutOff()
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      try await cluster.crash()
      try await standby.promote()
      let name = try #require(URL(string: scene.database.url)).lastPathComponent
      let after = Scene(
        folder: scene.folder,
        database: try await ChatDatabase(in: PostgresDatabase(port: standby.port, name: name), isNew: false),
        server: scene.server)
      #expect(try await after.database.count("embedding IS NULL") == 60, "the standby has lost them")
      let again = try await after.fill()
      #expect(again.code == 0, "\(again.errors)")
      #expect(again.output.contains("60 (60 from the spool)"), "\(again.output)")
      #expect(try await after.wrongRows() == [])
      #expect(scene.server.record.billedAgain == 0)
      #expect(scene.server.record.billed.count == 60)
    }
  }
}
