import Backfill

/// A provider's batch API: files of requests that are answered within hours, for less.
package struct CatalogueBatch: Hashable, Sendable {
  /// How it is spoken to.
  package enum Format: String, CaseIterable, Sendable {
    /// OpenAI's `/files` and `/batches`.
    case openai
    /// Mistral's `/files` and `/batch/jobs`.
    case mistral
    /// Gemini's `:asyncBatchEmbedContent`, `/batches` and files.
    case gemini
  }

  package let format: Format
  /// What one file may hold, the inputs over all its lines.
  package let maxFileBytes: Int
  package let maxInputs: Int
  package let maxLines: Int
  /// What of the usual price is paid, e.g. 0.5, where a model has no batch price of its own; nil where that is unknown.
  package let priceFactor: Double?
  /// How long the provider has for a batch.
  package let windowHours: Int
}

extension CatalogueBatch {
  /// What one file may hold.
  package var limits: BatchFileLimits { BatchFileLimits(bytes: maxFileBytes, inputs: maxInputs, lines: maxLines) }

  init(_ value: YAMLValue) throws(Failure) {
    let keys = try value.mapping(keys: [
      "format", "max_file_bytes", "max_inputs", "max_lines", "price_factor", "window_hours",
    ])
    func most(_ key: String) throws(Failure) -> Int { try keys.required(key).integer(1...1_000_000_000_000) }
    self.init(
      format: try keys.required("format").choice(),
      maxFileBytes: try most("max_file_bytes"), maxInputs: try most("max_inputs"), maxLines: try most("max_lines"),
      priceFactor: try keys["price_factor"]?.number(0.01...1),
      windowHours: try keys["window_hours"]?.integer(1...720) ?? 24)
  }
}

extension CatalogueModel.Price {
  /// With the batch price by `factor`, where it has none of its own.
  func withBatch(_ factor: Double?) -> CatalogueModel.Price {
    CatalogueModel.Price(
      usdPerMillionTokens: usdPerMillionTokens,
      usdPerMillionTokensInBatch: usdPerMillionTokensInBatch ?? factor.map { $0 * usdPerMillionTokens }, asOf: asOf,
      source: source)
  }
}
