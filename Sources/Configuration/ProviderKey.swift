import Backfill

/// Which key a job's requests carry: the provider's whose API is called, and nobody else's.
struct ProviderKey {
  /// The provider whose key it is: the job's, or with `openai` the one that the catalogue knows at the address.
  let owner: CatalogueProvider
  private let host: String?

  init(_ provider: CatalogueProvider, _ values: Settings, _ catalogue: ModelCatalogue) {
    // Azure's requests go to the endpoint.
    host = values.text(provider.format == .azure ? .endpoint : .baseURL).flatMap(CatalogueProvider.host)
    // An entry without a key of its own only prices what is at its hosts.
    guard provider.name == CatalogueProvider.openAI,
      let other = host.flatMap(catalogue.provider(atHost:)).flatMap({ catalogue.provider($0) }),
      other.keyVariable != nil
    else {
      owner = provider
      return
    }
    owner = other
  }

  /// Its variable, where it may be sent to the address.
  var variable: String? { owner.sendsKey(to: host) ? owner.keyVariable : nil }

  /// Whether the API at the address takes no request without one.
  var isRequired: Bool { owner.requiresKey(at: host) }

  /// The key that the owner's variable holds; nil where it is not set or may not be sent to the address.
  func value(in variables: Variables) throws(Failure) -> (secret: Secret, origin: Origin)? {
    guard let variable else { return nil }
    return try variables.key(variable)
  }

  /// A key that is set and isn't sent, so that nobody wonders.
  func withheld(in variables: Variables) -> String? {
    guard let name = owner.keyVariable, variable == nil, variables.value(of: name) != nil else { return nil }
    return "\(name) is not sent to \(host ?? "this address"), which is not \(owner.name)'s: "
      + "VECFILL_API_KEY is sent to any"
  }
}
