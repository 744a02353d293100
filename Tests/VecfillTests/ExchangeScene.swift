import Backfill
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// A scene whose rows leave as files, and whose vectors come back as files.
struct ExchangeScene {
  let scene: Scene

  var export: String { scene.folder.file("export") }
  var vectors: String { scene.folder.file("vectors") }

  /// - Parameter spec: of the job; nil for one of both tables.
  static func run(
    _ engine: ChatDatabase.Engine, spec: String? = nil, indexed: Bool = false,
    _ body: (ExchangeScene) async throws -> Void
  ) async throws {
    try await Scene.run(engine, indexed: indexed) { scene in
      if let spec { try scene.write(spec: spec) }
      try FileManager.default.createDirectory(atPath: scene.folder.file("vectors"), withIntermediateDirectories: true)
      try await body(ExchangeScene(scene: scene))
    }
  }

  func export(_ arguments: [String] = []) async throws -> VecfillProcess.Exit {
    try await scene.start(["export", "job.yaml", "--to", export] + arguments).exit()
  }

  func load(_ arguments: [String] = []) async throws -> VecfillProcess.Exit {
    try await scene.start(["load", "job.yaml", vectors] + arguments).exit()
  }

  /// The lines of the export, in the order of its parts.
  func requests() throws -> [Request] {
    let names = try FileManager.default.contentsOfDirectory(atPath: export).filter { $0.hasPrefix("requests-") }
    return try names.sorted().flatMap { name in
      let file = try LineFile("\(export)/\(name)")
      var requests: [Request] = []
      while let line = try file.next() {
        requests.append(try JSONDecoder().decode(Request.self, from: Data(line.bytes)))
      }
      return requests
    }
  }

  struct Request: Decodable {
    struct Body: Decodable {
      let model: String
      let input: [String]
      let dimensions: Int?
    }

    let customID: String
    let body: Body

    enum CodingKeys: String, CodingKey {
      case customID = "custom_id"
      case body
    }
  }

  /// What another engine would write for an exported line.
  func result(_ request: Request, _ change: ([Float]) -> [Float] = { $0 }) -> String {
    let data = request.body.input.enumerated().map { index, text in
      let vector = change(EmbeddingsServer.vector(for: text, dimensions: 8)).map(\.description)
      return "{\"index\":\(index),\"embedding\":[\(vector.joined(separator: ","))]}"
    }
    return """
      {"custom_id":"\(request.customID)","response":{"status_code":200,"body":{"data":[\(data.joined(separator: ","))],\
      "model":"\(request.body.model)","usage":{"prompt_tokens":2}}},"error":null}
      """
  }

  func write(_ lines: [String], to name: String = "a.jsonl") throws {
    try Data(lines.map { $0 + "\n" }.joined().utf8).write(to: URL(fileURLWithPath: "\(vectors)/\(name)"))
  }
}
