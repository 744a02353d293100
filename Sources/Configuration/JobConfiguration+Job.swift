import Backfill
import Foundation

extension JobConfiguration {
  /// The job's name in the ledger; nil without a spec.
  package var jobName: String? { spec.flatMap { $0.name.value.map(String.init(describing:)) } }

  /// The job that the spec describes, checked against what is known of its model.
  package func job() throws(Failure) -> Job {
    guard let spec else {
      throw Failure(.usage, "job spec", "is missing", remedy: "give its path, e.g. jobs/backfill-embeddings.yaml")
    }
    var job = Job(name: spec.name.value.map(String.init(describing:)) ?? "", sources: spec.sources, model: try model())
    if let newlines: TextPreparation.Newlines = values.choice(.newlines) { job.preparation.newlines = newlines }
    job.preparation.prefix = values.text(.prefix) ?? ""
    if let tooLong: TextPreparation.TooLong = values.choice(.tooLong) { job.preparation.tooLong = tooLong }
    if job.preparation.tooLong != .quarantine, catalogueModel?.tokenizer != .cl100kBase {
      job.preparation.mostBytes = job.model.safeCut?.mostBytes
    }
    if let duplicates: Duplicates = values.choice(.duplicates) { job.duplicates = duplicates }
    if let spool: SpoolPlace = values.choice(.spool) { job.spool = spool }
    if let size = values.integer(.batchSize) { job.batchSize = size }
    if let concurrency = values.integer(.concurrency) { job.concurrency = concurrency }
    if let writers = values.integer(.writers) { job.writers = writers }
    job.limits.requestsPerMinute = values.integer(.requestsPerMinute)
    job.limits.tokensPerMinute = values.integer(.tokensPerMinute)
    if let part = values.number(.limitShare) { job.limits.share = part }
    if let share: SharePlace = values.choice(.share) { job.share = share }
    job.budget = try budget(for: job.model)
    if let policy: IndexPolicy = values.choice(.indexWhen) { job.indexPolicy = policy }
    try checkPieces(of: job)
    return job
  }

  /// Refuses what says of whole texts how they are sent, where texts are cut into pieces.
  private func checkPieces(of job: Job) throws(Failure) {
    guard let source = job.sources.first(where: { $0.chunks != nil }) else { return }
    func refuse(_ parameter: Parameter) throws(Failure) {
      throw Failure(
        .configuration, "\(values[parameter].origin)",
        "\(parameter.rawValue): \(values.text(parameter) ?? "") can't be in a job with chunks, as those of \(source.name)",
        remedy: "leave it out, or fill the other tables by a job of their own")
    }
    if job.duplicates == .table { try refuse(.duplicates) }
    if job.preparation.tooLong != .quarantine { try refuse(.tooLong) }
  }

  /// When the job's runs may work; nil for always.
  package var hours: WorkHours? { spec?.hours }

  /// What the job's runs keep an eye on while they work.
  package var gauges: [Gauge] { spec?.gauges ?? [] }

  /// How the words of a search become the input that is embedded: as the job's texts, behind a prefix of their own.
  package func queryPreparation(of job: Job) -> TextPreparation {
    var preparation = job.preparation
    preparation.prefix = values.text(.queryPrefix) ?? ""
    return preparation
  }

  /// The database's URL or libpq connection string, which may hold a password.
  package func databaseURL() throws(Failure) -> Secret {
    try required(.databaseURL, for: "a job")
  }

  /// Whether it is set.
  package var hasDatabaseURL: Bool { values.secret(.databaseURL) != nil }

  /// The database's own address, past any pooler: for migrations and for building indexes.
  package func migrationDatabaseURL() throws(Failure) -> Secret {
    if let url = values.secret(.migrationDatabaseURL) { return url }
    return try databaseURL()
  }

  /// The ledger's absolute path; nil for the default in the per-user state folder.
  package var ledgerPath: String? { values.text(.ledger).map(process.absolute) }

  func model() throws(Failure) -> Model {
    guard let name = values.text(.model) else {
      throw Failure(
        .configuration, "model", "is not set", remedy: "set model: in the job spec, --model or VECFILL_MODEL")
    }
    if catalogueProvider.format == .demo, catalogueModel == nil {
      throw Failure(
        .configuration, "\(values[.model].origin)", "model must be \(ModelCatalogue.demoModel) with provider demo",
        remedy: "a column filled by one model must never be taken for another's")
    }
    guard let dimensions = values.integer(.dimensions) else {
      throw Failure(
        .configuration, "dimensions", "is not set, and the catalogue doesn't know those of \(name)",
        remedy: (likelyModel.map { "did you mean \($0)? else " } ?? noCatalogue.map { "\($0); otherwise " } ?? "")
          + "set dimensions: in the job spec, --dimensions or VECFILL_DIMENSIONS")
    }
    let cut: VectorCut = values.choice(.cut) ?? .provider
    try check(dimensions, of: name, cut)
    try checkBody()
    let limits = catalogueModel?.limits ?? pricedProvider.map(catalogue.limits(ofProvider:))
    return Model(
      name: name, provider: providerName, dimensions: dimensions, usdPerMillionTokens: price?.usdPerMillionTokens,
      maxInputTokens: limits?.inputTokens, maxTokensPerByte: catalogueModel?.maxTokensPerByte ?? 1,
      maxInputs: limits?.inputs, maxRequestTokens: limits?.requestTokens,
      fields: storedTextFields, cut: cut)
  }

  private func check(_ dimensions: Int, of model: String, _ cut: VectorCut) throws(Failure) {
    func refuse(_ what: String, remedy: String? = nil) throws(Failure) {
      throw Failure(
        .configuration, "\(values[.dimensions].origin)",
        "dimensions must be \(what) with model \(model), not \(dimensions)", remedy: remedy)
    }
    guard let possible = catalogueModel?.dimensions else { return }
    if cut == .local {
      if dimensions > possible.standard { try refuse("at most \(possible.standard)") }
    } else if !possible.contains(dimensions) {
      try refuse("\(possible)")
    } else if dimensions != possible.standard, catalogueProvider.names.dimensions == nil {
      try refuse("\(possible.standard)", remedy: "\(catalogueProvider.name) gives no others; cut: local shortens them")
    }
  }

  /// Refuses a body that says otherwise what vecfill says itself.
  private func checkBody() throws(Failure) {
    let names = catalogueProvider.names
    let own = [names.dimensions, names.encodingFormat].compactMap(\.self)
    for name in values.object(.body).keys.sorted() where own.contains(name) {
      throw Failure(
        .configuration, "\(values[.body].origin)", "body.\(name) can't be added to a request",
        remedy: "vecfill sets it itself: see dimensions and encoding_format")
    }
  }

  /// As errors name it: a provider of the catalogue, otherwise the host that is called.
  private var providerName: String {
    if let known = pricedProvider { return known }
    let url = values.text(.baseURL).flatMap { URLComponents(string: $0) }
    return [url?.host, url?.port.map(String.init)].compactMap(\.self).joined(separator: ":")
  }

  /// A budget that can't be kept is refused: what has no price can't be added up (P5).
  private func budget(for model: Model) throws(Failure) -> Job.Budget? {
    guard let usd = values.number(.budget) else { return nil }
    guard model.usdPerMillionTokens != nil else {
      throw Failure(
        .configuration, "\(values[.budget].origin)", "budget.usd can't be kept: the price of \(model.name) is unknown",
        remedy: remedyForPrice)
    }
    return Job.Budget(usd: usd)
  }

  private var remedyForPrice: String {
    let added = "set the price in a catalogue of your own (--models), or take the budget out"
    if let likelyModel { return "did you mean \(likelyModel)? otherwise \(added)" }
    return noCatalogue.map { "\($0); otherwise \(added)" } ?? added
  }

  private var noCatalogue: String? {
    catalogue.isBuiltIn
      ? "no \(ConfigurationFolder.models) was found: keep the folder config beside the program, or name it in "
        + "VECFILL_CONFIG_DIR" : nil
  }

  func required(_ parameter: Parameter, for purpose: String) throws(Failure) -> Secret {
    guard let secret = values.secret(parameter) else {
      throw Failure(
        .configuration, parameter.definition.variable ?? parameter.rawValue, "is not set, and \(purpose) needs it",
        remedy: "set it in the environment or in .env")
    }
    return secret
  }
}
