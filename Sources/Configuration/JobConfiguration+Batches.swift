import Backfill

extension JobConfiguration {
  /// How the job's rows are asked for.
  package var mode: FillingMode { values.choice(.mode) ?? .requests }

  /// The most tokens that the account may have enqueued in batches, as the job says; nil where it says nothing.
  package var enqueuedTokens: Int? { values.integer(.enqueuedTokens) }

  /// How a run uses the batch API. Without a known batch price the usual one counts, which is no less.
  package func batchTerms(submits: Bool = true, waits: Bool = false) -> BatchTerms {
    BatchTerms(
      usdPerMillionTokens: price?.usdPerMillionTokensInBatch ?? price?.usdPerMillionTokens,
      enqueuedTokens: enqueuedTokens, submits: submits, waits: waits)
  }
}
