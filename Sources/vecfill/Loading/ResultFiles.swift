import Backfill
import Foundation

/// The files of a folder that can hold vectors, in the order of their names.
struct ResultFiles: Sendable {
  let paths: [String]

  private static let endings = [".jsonl", ".json", ".txt"].flatMap { [$0, $0 + ".gz"] }

  /// - Parameter path: a folder, or one file.
  ///
  /// Throws a `Failure` with `.localIO` where it can't be read, and with `.badData` where it holds no such file.
  init(at path: String) throws(Failure) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw Failure(.localIO, path, "there is no such file or folder", remedy: "check the path")
    }
    guard isFolder.boolValue else {
      paths = [path]
      return
    }
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw Failure(.localIO, path, "the folder can't be read", remedy: "check its rights")
    }
    // Spark and others leave files of their own, which begin so.
    paths = names.filter { name in
      !name.hasPrefix(".") && !name.hasPrefix("_") && name != ExportManifest.fileName
        && Self.endings.contains { name.hasSuffix($0) }
    }.sorted().map { "\(path)/\($0)" }
    guard !paths.isEmpty else {
      throw Failure(
        .badData, path, "it has no file that ends in .jsonl, .json or .txt, or in one of these and .gz",
        remedy: "give the folder that the other engine wrote to")
    }
  }
}
