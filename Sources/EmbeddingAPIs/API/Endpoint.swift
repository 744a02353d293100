import Backfill
import Foundation

/// Where embeddings are served, and how a request is addressed there.
package enum Endpoint: Equatable, Sendable {
  /// A provider, or a server of one's own: the base URL is what comes before the path of the format.
  case baseURL(String)
  /// Azure OpenAI's v1 API at a resource's URL, e.g. "https://NAME.openai.azure.com".
  case azure(resource: String, deployment: String)
  /// Azure OpenAI's older API, with the deployment and the version in the URL.
  case azureClassic(resource: String, deployment: String, apiVersion: String = "2024-10-21")

  package static let openAI = Endpoint.baseURL("https://api.openai.com/v1")
}

extension Endpoint {
  /// The URL that requests are posted to; `path` is the format's.
  ///
  /// Throws a `Failure` with `.configuration` where the base is no http or https URL with a host.
  func url(path: String) throws(Failure) -> String {
    let (base, path): (String, String) =
      switch self {
      case .baseURL(let baseURL): (baseURL, path)
      case .azure(let resource, _): (resource, "/openai/v1\(path)")
      case .azureClassic(let resource, let deployment, _): (resource, "/openai/deployments/\(deployment)\(path)")
      }
    guard var parts = URLComponents(string: base), ["http", "https"].contains(parts.scheme?.lowercased()),
      parts.host?.isEmpty == false
    else {
      // The URL itself is not told: it may hold a password.
      throw Failure(
        .configuration, "the embeddings API's URL", "is not an http or https URL with a host",
        remedy: "give it as in https://api.openai.com/v1")
    }
    while parts.path.hasSuffix("/") { parts.path.removeLast() }
    parts.path += path
    if case .azureClassic(_, _, let version) = self {
      parts.queryItems = (parts.queryItems ?? []) + [URLQueryItem(name: "api-version", value: version)]
    }
    return parts.string ?? base
  }

  var isAzure: Bool {
    switch self {
    case .baseURL: false
    case .azure, .azureClassic: true
    }
  }

  /// Whether the model in a reply is always the one that was asked for. Local servers and gateways answer with a file's
  /// name or an alias; OpenAI and Azure don't.
  var namesModelsExactly: Bool {
    switch self {
    case .azure, .azureClassic: return true
    case .baseURL(let baseURL):
      guard let host = URLComponents(string: baseURL)?.host?.lowercased() else { return true }
      let own = ["api.openai.com", "openai.azure.com", "services.ai.azure.com", "cognitiveservices.azure.com"]
      return own.contains { host == $0 || host.hasSuffix(".\($0)") }
    }
  }

  /// What the request's `model` says: at Azure it is the deployment's name.
  func requestModel(_ model: String) -> String {
    switch self {
    case .baseURL: model
    case .azure(_, let deployment), .azureClassic(_, let deployment, _): deployment
    }
  }
}

extension String {
  /// The URL without its user, password, query and fragment, so that it can be told; nil where it is none.
  var addressAlone: String? {
    guard var parts = URLComponents(string: self) else { return nil }
    (parts.user, parts.password, parts.query, parts.fragment) = (nil, nil, nil, nil)
    return parts.string
  }
}
