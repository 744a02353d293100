import Backfill
import Foundation
import TestSupport

extension UnrecordedVectorsTests {
  /// How a column holds its vectors.
  enum Storage: String, CaseIterable {
    case vector, halfvec, json, blob

    var isPostgres: Bool { self == .vector || self == .halfvec }

    func literal(_ vector: [Float]) -> String {
      guard self == .blob else { return "'[\(vector.map(\.description).joined(separator: ","))]'" }
      let bytes = vector.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
      return "x'\(bytes.map { String(format: "%02X", $0) }.joined())'"
    }
  }

  /// A table `m` with a key of UUIDs: texts 1 to 12 have vectors, 13 to 20 have none.
  struct World {
    let scene: Scene
    let storage: Storage
    let database: PostgresDatabase?
    let place: [String: String?]

    func run(_ script: String) async throws {
      if let database { try await database.run(script) } else { try await scene.database.run(script) }
    }

    func rows(_ query: String) async throws -> [[String?]] {
      if let database { return try await database.run(query) }
      return try await scene.database.rows(query)
    }

    static func text(_ number: Int) -> String { "message \(number) " + String(repeating: "x", count: number) }

    /// Gives the first 12 rows the vectors of `text`.
    func setVectors(of text: (Int) -> String) async throws {
      for number in 1...12 {
        let vector = storage.literal(EmbeddingsServer.vector(for: text(number), dimensions: 8))
        try await run("UPDATE m SET embedding = \(vector) WHERE content = '\(World.text(number))'")
      }
    }

    /// How many rows have no vector.
    func lacking() async throws -> Int {
      try await rows("SELECT count(*) FROM m WHERE embedding IS NULL")[0][0].flatMap(Int.init) ?? -1
    }

    func fill(_ arguments: [String] = [], at name: String? = nil) async throws -> VecfillProcess.Exit {
      try await scene.fill(arguments, (name.map(scene.elsewhere) ?? [:]).merging(place) { $1 })
    }

    /// The requests since the first `count`.
    func requests(after count: Int) -> ArraySlice<EmbeddingsServer.Request> {
      scene.server.record.requests.dropFirst(count)
    }
  }
}
