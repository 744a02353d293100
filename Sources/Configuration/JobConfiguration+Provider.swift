import Backfill
import Foundation

extension JobConfiguration {
  /// What is needed to call the provider; throws where the key or the address that it requires is missing.
  package func provider() throws(Failure) -> ProviderSettings {
    let entry = catalogueProvider
    let key = try key()
    let isOpenAI = entry.name == CatalogueProvider.openAI
    return ProviderSettings(
      name: entry.name, format: entry.format, baseURL: try baseURL(), key: key, keyHeader: entry.keyHeader,
      organization: isOpenAI ? values.text(.organization) : nil, project: isOpenAI ? values.text(.project) : nil,
      azure: entry.format == .azure ? try azure() : nil, names: entry.names, send: entry.send,
      document: documentFields, query: catalogueModel?.query ?? entry.query,
      body: values.object(.body), headers: try headers(key), encodings: encodings, usage: entry.usage,
      sendsDimensions: try sendsDimensions(), cut: values.choice(.cut) ?? .provider,
      batch: entry.batch, batchProviders: catalogue.batchProviders,
      timeout: .seconds(values.integer(.timeout) ?? ProviderSettings.standardTimeout),
      caFile: values.text(.caFile).map(process.absolute), proxy: values.secret(.proxy))
  }

  /// What a request for stored texts says beside model, texts, dimensions and encoding. It needs no key.
  var storedTextFields: [String: JSONValue] {
    ProviderSettings.fields(catalogueProvider.send, documentFields, values.object(.body))
  }

  private var documentFields: [String: JSONValue] { catalogueModel?.document ?? catalogueProvider.document }

  var providerKey: ProviderKey { ProviderKey(catalogueProvider, values, catalogue) }

  private func key() throws(Failure) -> Secret? {
    guard catalogueProvider.format != .demo else { return nil }
    if let key = values.secret(.apiKey) { return key }
    let providerKey = providerKey
    guard providerKey.isRequired else { return nil }
    let owner = providerKey.owner
    let isElsewhere = owner.name != catalogueProvider.name
    throw Failure(
      .configuration, providerKey.variable ?? "VECFILL_API_KEY",
      "is not set, and provider \(owner.name) needs it"
        + (isElsewhere
          ? ": its API is at base_url, where \(catalogueProvider.keyVariable ?? "no other key") is not sent" : ""),
      remedy: isElsewhere
        ? "set it in the environment or in .env, and provider: \(owner.name) in the job spec"
        : "set it in the environment or in .env")
  }

  private func baseURL() throws(Failure) -> String {
    guard ![.azure, .demo].contains(catalogueProvider.format) else { return "" }
    guard let url = values.text(.baseURL) else {
      throw Failure(
        .configuration, "base_url", "is not set, and the catalogue has none of provider \(catalogueProvider.name)",
        remedy: "set base_url: in the job spec, or --base-url")
    }
    return url.withoutTrailingSlashes
  }

  private func headers(_ key: Secret?) throws(Failure) -> [ProviderSettings.Header] {
    let place = "\(values[.headers].origin)"
    var headers: [ProviderSettings.Header] = []
    for header in values.headers {
      let name = catalogueProvider.keyHeader.name
      guard key == nil || header.name.lowercased() != name.lowercased() else {
        throw Failure(
          .configuration, place, "headers.\(header.name) is the header of the key, which is set too",
          remedy: "take one of them out")
      }
      headers.append(try header.resolved(variables, place: place))
    }
    return headers
  }

  /// The provider's, from the one on that the job wants first.
  private var encodings: [ProviderSettings.Encoding] {
    let known = catalogueProvider.encodings
    guard let first: ProviderSettings.Encoding = values.choice(.encodingFormat), first != known.first else {
      return known
    }
    let all = ProviderSettings.Encoding.allCases
    let later = all.drop { $0 != first }.dropFirst()
    return [first] + known.filter(later.contains)
  }

  private func sendsDimensions() throws(Failure) -> Bool {
    guard values.boolean(.sendDimensions) == true else { return false }
    guard catalogueProvider.names.dimensions != nil else {
      throw Failure(
        .configuration, "\(values[.sendDimensions].origin)",
        "send_dimensions must be false: provider \(catalogueProvider.name) takes none",
        remedy: "cut: local shortens vectors here")
    }
    return true
  }

  private func azure() throws(Failure) -> ProviderSettings.Azure {
    guard let endpoint = values.text(.endpoint) else {
      throw Failure(
        .configuration, Parameter.endpoint.definition.variable ?? "endpoint", "is not set, and provider azure needs it",
        remedy: "set it, or endpoint: in the job spec, to the resource's URL")
    }
    let model = try model().name
    return ProviderSettings.Azure(
      endpoint: endpoint.withoutTrailingSlashes, deployment: values.text(.deployment) ?? model,
      apiVersion: values.text(.apiVersion))
  }
}

extension String {
  fileprivate var withoutTrailingSlashes: String {
    var text = self
    while text.hasSuffix("/") { text.removeLast() }
    return text
  }
}
