import Backfill
import Foundation

/// Finds the folder that holds `defaults.yaml` and `models.yaml`.
enum ConfigurationFolder {
  static let defaults = "defaults.yaml"
  static let models = "models.yaml"

  /// The folder that `setting` names, else the nearest `config/` or `share/vecfill/config/` in the executable's folder or
  /// one above it that holds both files; nil where there is none.
  static func find(_ setting: Setting, in process: ProcessContext) throws(Failure) -> String? {
    if case .text(let path)? = setting.value {
      let folder = process.absolute(path)
      guard holds(folder, defaults) || holds(folder, models) else {
        throw Failure(
          .configuration, "\(setting.origin)", "\(path) is no folder with \(defaults) or \(models) in it",
          remedy: "correct or unset \(Parameter.configFolder.definition.variable ?? setting.key)")
      }
      return folder
    }
    guard let executable = process.executable else { return nil }
    var folder = URL(filePath: executable)
    while folder.path.count > 1 {
      folder.deleteLastPathComponent()
      for inside in ["config", "share/vecfill/config"] {
        let candidate = folder.appending(path: inside).path
        if holds(candidate, defaults), holds(candidate, models) { return candidate }
      }
    }
    return nil
  }

  static func holds(_ folder: String, _ file: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(folder)/\(file)")
  }
}
