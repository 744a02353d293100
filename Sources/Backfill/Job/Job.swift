/// What is to be done, validated: which rows, which model, and within which bounds.
package struct Job: Equatable, Sendable {
  /// The job's name in the ledger and in reports; the default is the spec file's name without its ending.
  package var name: String
  /// The tables, in the order in which they are filled; at least one.
  package var sources: [Source]
  /// The first schema that it names.
  package var firstSchema: String? { sources.lazy.compactMap(\.schema).first }
  package var preparation: TextPreparation
  package var model: Model
  /// The most inputs of one request. The default is 100.
  package var batchSize: Int
  /// The most requests in flight. The default is 8.
  package var concurrency: Int
  /// The most writes to the database side by side. The default is 2.
  package var writers: Int
  package var limits: Limits
  package var budget: Budget?
  /// What becomes of the columns' vector indexes. The default is `keep`.
  package var indexPolicy: IndexPolicy
  /// Over which rows equal texts are paid once. The default is `page`.
  package var duplicates: Duplicates
  /// Where replies that were received are durable. The default is `ledger`.
  package var spool = SpoolPlace.ledger
  /// With whom the limits and the budget are shared. The default is nobody.
  package var share = SharePlace.none

  package init(
    name: String, sources: [Source], preparation: TextPreparation = TextPreparation(), model: Model,
    batchSize: Int = 100, concurrency: Int = 8, writers: Int = 2, limits: Limits = Limits(),
    budget: Budget? = nil, indexPolicy: IndexPolicy = .keep, duplicates: Duplicates = .page
  ) {
    self.name = name
    self.sources = sources
    self.preparation = preparation
    self.model = model
    self.batchSize = batchSize
    self.concurrency = concurrency
    self.writers = writers
    self.limits = limits
    self.budget = budget
    self.indexPolicy = indexPolicy
    self.duplicates = duplicates
  }

  /// The most rows of a page: enough for a few requests, so that a text that stands in many of them is embedded once.
  package var pageLimit: Int { batchSize * max(5, (499 + batchSize) / batchSize) }
}

extension Job {
  /// Ceilings that the job sets itself; a provider's headers can only lower them (P6).
  package struct Limits: Equatable, Sendable {
    /// The default is no limit but the provider's.
    package var requestsPerMinute: Int?
    /// The default is no limit but the provider's.
    package var tokensPerMinute: Int?
    /// The part of these and of the provider's limits that the job uses. The default is all of it.
    package var share = 1.0

    package init(requestsPerMinute: Int? = nil, tokensPerMinute: Int? = nil) {
      self.requestsPerMinute = requestsPerMinute
      self.tokensPerMinute = tokensPerMinute
    }
  }

  /// The most that the job may spend over all its runs (P5).
  package struct Budget: Equatable, Sendable {
    package var usd: Double

    package init(usd: Double) {
      self.usd = usd
    }
  }
}
