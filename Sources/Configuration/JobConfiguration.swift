import Backfill

/// Everything that is set for a job, resolved over its layers: flags, environment, `.env`, spec, `config/`, built-in.
///
/// What only some commands need, such as the database's URL, is asked for by a call that throws where it is missing.
package struct JobConfiguration: Sendable {
  package let catalogue: ModelCatalogue
  /// How the job's provider is called.
  package let catalogueProvider: CatalogueProvider
  /// What the catalogue knows of the job's model; nil where the model is unknown.
  package let catalogueModel: CatalogueModel?
  let process: ProcessContext
  let variables: Variables
  let spec: JobSpec?
  let values: Settings

  /// Reads every layer; `spec` is the job spec's path, from the working folder.
  ///
  /// Throws a `Failure` with `.configuration` that names the file or variable, the key and what is allowed.
  package init(
    spec path: String? = nil, flags: [Parameter: String] = [:], process: ProcessContext = .current()
  ) throws(Failure) {
    self.process = process
    variables = Variables(environment: process.environment, dotenv: try DotEnv(in: process))
    var layers = Layers(flags: flags, variables: variables)
    try layers.refuseMisspelledVariables()
    let folder = try ConfigurationFolder.find(layers.setting(.configFolder), in: process)
    layers.config = try Self.defaults(in: folder, process)
    if let path {
      let spec = try JobSpec(path: path, in: process)
      layers.spec = spec.settings
      self.spec = spec
    } else {
      spec = nil
    }
    catalogue = try ModelCatalogue(in: folder, chosen: layers.setting(.models), process)
    var values = try Settings(layers)
    let provider = try Self.provider(values[.provider], catalogue)
    let model = try Self.complete(&values, provider, catalogue, variables)
    (self.values, catalogueProvider, catalogueModel) = (values, provider, model)
  }

  /// Every value with where it comes from, in the order of `docs/configuration.md`; nothing in it is secret.
  package var settings: [Setting] {
    let job = spec.map { [$0.name] + $0.sourceSettings } ?? []
    let price = Setting(
      key: "price", value: price.map { .number($0.usdPerMillionTokens) } ?? .text("unknown"),
      origin: catalogueModel?.origin ?? (price == nil ? .builtIn : catalogueProvider.origin))
    return job + Parameter.allCases.map { values[$0] } + [price]
  }

  /// What the job's model costs; nil where that is unknown.
  package var price: CatalogueModel.Price? {
    if let catalogueModel { return catalogueModel.price }
    return pricedProvider.flatMap { catalogue.provider($0)?.price }
  }

  private static func provider(
    _ setting: Setting, _ catalogue: ModelCatalogue
  ) throws(Failure) -> CatalogueProvider {
    let name = setting.value.map { "\($0)" } ?? CatalogueProvider.openAI
    if let provider = catalogue.provider(name) { return provider }
    let known = catalogue.providers.map(\.name)
    if let nearest = Spelling.nearest(to: name, in: known) {
      throw Failure(
        .configuration, "\(setting.origin)", "the catalogue doesn't know this provider",
        remedy: "did you mean \(nearest)? `vecfill models` lists them")
    }
    throw Failure(
      .configuration, "\(setting.origin)", "provider must be one of \(known.joined(separator: ", "))",
      remedy: "others are added to a catalogue of your own (docs/providers.md)")
  }

  /// Sets the defaults that follow from other settings; returns what is known of the model.
  private static func complete(
    _ values: inout Settings, _ provider: CatalogueProvider, _ catalogue: ModelCatalogue, _ variables: Variables
  ) throws(Failure) -> CatalogueModel? {
    if provider.format == .demo { values.derive(.model, .text(ModelCatalogue.demoModel), from: .builtIn) }
    if provider.format == .azure { values.derive(.deployment, values[.model].value, from: values[.model].origin) }
    values.derive(.baseURL, provider.baseURL.map { .text($0) }, from: provider.origin)
    if let (key, origin) = try ProviderKey(provider, values, catalogue).value(in: variables) {
      values.derive(.apiKey, .secret(key), from: origin)
    }
    let priced = pricedProvider(values, provider, catalogue) ?? provider.name
    let model = values.text(.model).flatMap { catalogue.model(provider: priced, id: $0) }
    if let model {
      values.derive(.dimensions, model.dimensions.map { .integer($0.standard) }, from: model.origin)
      values.derive(.prefix, model.prefix.map { .text($0) }, from: model.origin)
      values.derive(.queryPrefix, model.queryPrefix.map { .text($0) }, from: model.origin)
      values.derive(.requestsPerMinute, model.limits.requestsPerMinute.map { .integer($0) }, from: model.origin)
      values.derive(.tokensPerMinute, model.limits.tokensPerMinute.map { .integer($0) }, from: model.origin)
    }
    if let encoding = provider.encodings.first, encoding != .unsaid {
      values.derive(.encodingFormat, .text(encoding.rawValue), from: provider.origin)
    }
    let isShortened = model?.dimensions.map { $0.standard != values.integer(.dimensions) } ?? false
    let isAskedFor = provider.names.dimensions != nil && values.choice(.cut) != VectorCut.local
    values.derive(.sendDimensions, .boolean(isShortened && isAskedFor), from: .builtIn)
    return model
  }

  /// Whose prices and limits hold; nil for an OpenAI-compatible server that the catalogue doesn't know.
  var pricedProvider: String? { Self.pricedProvider(values, catalogueProvider, catalogue) }

  private static func pricedProvider(
    _ values: Settings, _ provider: CatalogueProvider, _ catalogue: ModelCatalogue
  ) -> String? {
    guard provider.name == CatalogueProvider.openAI else { return provider.name }
    return values.text(.baseURL).flatMap(CatalogueProvider.host).flatMap(catalogue.provider(atHost:))
  }

  private static func defaults(
    in folder: String?, _ process: ProcessContext
  ) throws(Failure) -> [Parameter: Setting] {
    guard let folder, ConfigurationFolder.holds(folder, ConfigurationFolder.defaults) else { return [:] }
    let path = "\(folder)/\(ConfigurationFolder.defaults)"
    let file = process.shown(path)
    let root = try YAMLFile.read(path, shown: file).mapping(
      keys: FileSettings.keys, orElse: "write a key and its value on each line, as model: NAME")
    return try FileSettings.read(from: root) { .config(file: file, line: $0) }
  }
}
