import Backfill
import Foundation

@testable import Configuration

/// The files that people write.
enum ConfigurationCheck {
  static func spec(_ bytes: [UInt8]) throws {
    try failure {
      let configuration = try configuration(bytes, "job.yaml") { process throws(Failure) in
        try JobConfiguration(spec: "job.yaml", process: process)
      }
      for setting in configuration.settings { try Canary.check("\(setting.origin)") }
      let job = try configuration.job()
      guard !job.sources.isEmpty else { throw Broken("a job without a source") }
      for warning in configuration.warnings(before: job) { try Canary.check(warning) }
    }
  }

  static func dotenv(_ bytes: [UInt8]) throws {
    try failure {
      let configuration = try configuration(bytes, ".env") { process throws(Failure) in
        try JobConfiguration(process: process)
      }
      let told = configuration.settings.map { "\($0.key): \($0.value.map { "\($0)" } ?? "") \($0.origin)" }
      guard configuration.variables.dotenv.entries["OPENAI_API_KEY"]?.value == Canary.key else { return }
      guard !told.contains(where: { $0.hasPrefix("api_key") && $0.contains(Canary.key) }) else {
        throw Broken("the key is told")
      }
    }
  }

  static func catalogue(_ bytes: [UInt8]) throws {
    try failure {
      let catalogue = try configuration(bytes, "models.yaml") { process throws(Failure) in
        var process = process
        process.environment["VECFILL_MODELS"] = "models.yaml"
        return try ModelCatalogue(process: process)
      }
      for model in catalogue.models {
        guard let known = catalogue.model(provider: model.provider, id: model.id) else {
          throw Broken("a model that is not found")
        }
        guard known.price.map({ $0.usdPerMillionTokens >= 0 && $0.usdPerMillionTokens.isFinite }) ?? true else {
          throw Broken("a price that is none")
        }
      }
      _ = CatalogueReport(catalogue).table
    }
  }

  private static func configuration<Read>(
    _ bytes: [UInt8], _ file: String, _ read: (ProcessContext) throws(Failure) -> Read
  ) throws -> Read {
    let folder = try ScratchFolder()
    try Data(bytes).write(to: URL(fileURLWithPath: folder.file(file)))
    return try read(ProcessContext(environment: [:], workingDirectory: folder.path))
  }

  /// Runs `body`; a `Failure` of it is as it should be where it is one line without the key.
  private static func failure(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let failure as Failure {
      try Canary.check("\(failure)")
    }
  }
}
