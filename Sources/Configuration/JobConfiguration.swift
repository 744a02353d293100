import Backfill
import Foundation

/// Everything that is set for a job, resolved over its layers: flags, environment, `.env`, spec, `config/`, built-in.
///
/// What only some commands need, such as the database's URL, is asked for by a call that throws where it is missing.
package struct JobConfiguration: Sendable {
  package let catalogue: ModelCatalogue
  /// What the catalogue knows of the job's model; nil where the model is unknown, and so is its price.
  package let catalogueModel: CatalogueModel?
  let process: ProcessContext
  let spec: JobSpec?
  let values: Settings

  /// Reads every layer; `spec` is the job spec's path, from the working folder.
  ///
  /// Throws a `Failure` with `.configuration` that names the file or variable, the key and what is allowed.
  package init(
    spec path: String? = nil, flags: [Parameter: String] = [:], process: ProcessContext = .current()
  ) throws(Failure) {
    self.process = process
    var layers = Layers(flags: flags, environment: process.environment, dotenv: try DotEnv(in: process))
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

    (values, catalogueModel) = Self.completed(try Settings(layers), with: catalogue)
  }

  /// Every value with where it comes from, in the order of `docs/configuration.md`; nothing in it is secret.
  package var settings: [Setting] {
    let job = spec.map { [$0.name] + $0.sourceSettings } ?? []
    let price = Setting(
      key: "price", value: catalogueModel?.price.map { .number($0.usdPerMillionTokens) } ?? .text("unknown"),
      origin: catalogueModel?.origin ?? .builtIn)
    return job + Parameter.allCases.map { values[$0] } + [price]
  }

  /// The settings with the defaults that follow from others, and what is known of the model.
  private static func completed(
    _ set: Settings, with catalogue: ModelCatalogue
  ) -> (Settings, CatalogueModel?) {
    var values = set
    let kind: ProviderSettings.Kind? = values.choice(.provider)
    if kind == .local { values.derive(.model, .text(ModelCatalogue.localModel), from: .builtIn) }
    if kind == .azure { values.derive(.deployment, values[.model].value, from: values[.model].origin) }
    let provider = catalogueProvider(values, catalogue) ?? ProviderSettings.Kind.openai.rawValue
    let model = values.text(.model).flatMap { catalogue.model(provider: provider, id: $0) }
    if let model {
      values.derive(.dimensions, model.dimensions.map { .integer($0.standard) }, from: model.origin)
      values.derive(.requestsPerMinute, model.limits.requestsPerMinute.map { .integer($0) }, from: model.origin)
      values.derive(.tokensPerMinute, model.limits.tokensPerMinute.map { .integer($0) }, from: model.origin)
    }
    let isShortened = model?.dimensions.map { $0.standard != values.integer(.dimensions) } ?? false
    values.derive(.sendDimensions, .boolean(isShortened), from: .builtIn)
    return (values, model)
  }

  /// Whose prices and limits hold; nil for an OpenAI-compatible server that the catalogue doesn't know.
  static func catalogueProvider(_ values: Settings, _ catalogue: ModelCatalogue) -> String? {
    guard let kind: ProviderSettings.Kind = values.choice(.provider), kind == .openai else {
      return values.text(.provider)
    }
    return values.text(.baseURL).flatMap { URLComponents(string: $0)?.host }.flatMap(catalogue.provider(atHost:))
  }

  private static func defaults(
    in folder: String?, _ process: ProcessContext
  ) throws(Failure) -> [Parameter: Setting] {
    guard let folder, ConfigurationFolder.holds(folder, ConfigurationFolder.defaults) else { return [:] }
    let path = "\(folder)/\(ConfigurationFolder.defaults)"
    let file = process.shown(path)
    let root = try YAMLFile.read(path, shown: file).mapping(keys: FileSettings.keys)
    return try FileSettings.read(from: root) { .config(file: file, line: $0) }
  }
}
