import Backfill
import Foundation

/// How a provider's API differs from others, and what holds for all of its models.
package struct CatalogueProvider: Hashable, Sendable {
  static let openAI = "openai"
  static let demo = "demo"
  /// What provider `demo` was called at first.
  static let formerDemo = "local"

  package let name: String
  /// Where its API is, in lower case; empty where it may be anywhere.
  var hosts: [String] = []
  /// Where its API is unless a job says otherwise; nil where nobody knows.
  package internal(set) var baseURL: String?
  package internal(set) var format = ProviderSettings.Format.openai
  /// The variable of its key; nil where `VECFILL_API_KEY` alone is.
  package internal(set) var keyVariable: String?
  package internal(set) var needsKey = true
  var keyHeader = ProviderSettings.KeyHeader.bearer
  var names = ProviderSettings.FieldNames()
  var send: [String: JSONValue] = [:]
  var document: [String: JSONValue] = [:]
  var query: [String: JSONValue] = [:]
  var usage: String?
  var encodings = ProviderSettings.Encoding.allCases
  /// Of every model that has none of its own.
  package internal(set) var price: CatalogueModel.Price?
  var limits = CatalogueModel.Limits()
  /// nil where it has no batch API that is spoken here.
  package internal(set) var batch: CatalogueBatch?
  /// Where the catalogue has it from; with several files the last.
  package internal(set) var origin = Origin.builtIn

  init(name: String) {
    self.name = name
  }

  /// Those that run without any file.
  static let builtIn = [
    CatalogueProvider(name: openAI, baseURL: ProviderSettings.openAIBaseURL, key: "OPENAI_API_KEY"),
    CatalogueProvider(name: "azure", format: .azure, key: "AZURE_OPENAI_API_KEY", header: "api-key"),
    CatalogueProvider(name: demo, format: .demo),
  ]

  private init(
    name: String, format: ProviderSettings.Format = .openai, baseURL: String? = nil, key: String? = nil,
    header: String? = nil
  ) {
    self.name = name
    self.format = format
    self.baseURL = baseURL
    keyVariable = key
    needsKey = key != nil
    if let header { keyHeader = ProviderSettings.KeyHeader(name: header, scheme: "") }
  }

  /// Whether `host` is the provider's own, or one below it, as eu.api.openai.com is.
  func owns(_ host: String) -> Bool {
    let host = host.lowercased()
    let own = hosts + [baseURL.flatMap(Self.host)].compactMap(\.self)
    return own.contains { host == $0 || host.hasSuffix(".\($0)") }
  }

  /// Whether its own key may go to `host`.
  ///
  /// A key goes to its provider alone. But OpenAI's variable is where gateways and servers that speak OpenAI's API expect
  /// theirs, and Azure's resources have a host each.
  func sendsKey(to host: String?) -> Bool {
    guard let host, name != Self.openAI, isAtKnownHosts else { return true }
    return owns(host)
  }

  /// Whether a request to `host` needs a key. Servers of other people's that speak the same API may need none.
  func requiresKey(at host: String?) -> Bool {
    guard needsKey, let host, isAtKnownHosts else { return needsKey }
    return owns(host)
  }

  private var isAtKnownHosts: Bool { baseURL != nil || !hosts.isEmpty }

  static func host(of url: String) -> String? { URLComponents(string: url)?.host?.lowercased() }
}
