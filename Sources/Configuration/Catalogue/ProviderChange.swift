import Backfill

/// A provider's entry in a file; what it leaves out stays as it was.
struct ProviderChange {
  let name: String
  private let origin: Origin
  private let hosts: [String]?
  private let baseURL: String?
  private let format: ProviderSettings.Format?
  private let keyVariable: String?
  private let needsKey: Bool?
  private let keyHeader: ProviderSettings.KeyHeader?
  private let names: ProviderSettings.FieldNames?
  private let send: [String: JSONValue]?
  private let document: [String: JSONValue]?
  private let query: [String: JSONValue]?
  private let usage: String?
  private let encodings: [ProviderSettings.Encoding]?
  private let price: CatalogueModel.Price?
  private let limits: CatalogueModel.Limits
  private let batch: CatalogueBatch?

  private static let keys = [
    "name", "hosts", "base_url", "format", "key", "needs_key", "key_header", "names", "send", "document", "query",
    "usage", "encodings", "price", "batch",
  ]

  init(_ value: YAMLValue, file: String) throws(Failure) {
    let keys = try value.mapping(keys: Self.keys + CatalogueModel.Limits.keys)
    name = try keys.required("name").providerName()
    origin = .config(file: file, line: value.line)
    hosts = try keys["hosts"].map(Self.hosts)
    baseURL = try keys["base_url"]?.text(.webURL)
    format = try keys["format"]?.choice()
    keyVariable = try keys["key"].map(Self.variable)
    needsKey = try keys["needs_key"]?.boolean()
    keyHeader = try keys["key_header"].map(Self.keyHeader)
    names = try keys["names"].map(Self.names)
    send = try keys["send"]?.jsonObject()
    document = try keys["document"]?.jsonObject()
    query = try keys["query"]?.jsonObject()
    usage = try keys["usage"].map(Self.usage)
    encodings = try keys["encodings"].map(Self.encodings)
    price = try keys["price"].map(CatalogueModel.Price.init)
    limits = try CatalogueModel.Limits(keys)
    batch = try keys["batch"].map(CatalogueBatch.init)
  }

  func applied(to earlier: CatalogueProvider?) -> CatalogueProvider {
    var provider = earlier ?? CatalogueProvider(name: name)
    provider.hosts = hosts ?? provider.hosts
    provider.baseURL = baseURL ?? provider.baseURL
    provider.format = format ?? provider.format
    provider.keyVariable = keyVariable ?? provider.keyVariable
    provider.needsKey = needsKey ?? provider.needsKey
    provider.keyHeader = keyHeader ?? provider.keyHeader
    provider.names = names ?? provider.names
    provider.send = send ?? provider.send
    provider.document = document ?? provider.document
    provider.query = query ?? provider.query
    provider.usage = usage ?? provider.usage
    provider.encodings = encodings ?? provider.encodings
    provider.price = price ?? provider.price
    provider.limits = limits.filled(from: provider.limits)
    provider.batch = batch ?? provider.batch
    provider.origin = origin
    return provider
  }

  private static func hosts(_ value: YAMLValue) throws(Failure) -> [String] {
    var hosts: [String] = []
    for host in try value.list(of: "host names") { hosts.append(try host.text(.word).lowercased()) }
    return hosts
  }

  /// A variable's name. A key that was put in its place is not shown.
  private static func variable(_ value: YAMLValue) throws(Failure) -> String {
    let name = try value.text(.word)
    guard name.wholeMatch(of: /[A-Z][A-Z0-9_]*/) != nil else {
      throw Failure(
        .configuration, value.place, "\(value.path) must be the name of the key's variable, as VOYAGE_API_KEY")
    }
    return name
  }

  /// Names with dots between.
  private static func usage(_ value: YAMLValue) throws(Failure) -> String {
    let path = try value.text(.word)
    guard path.split(separator: ".", omittingEmptySubsequences: false).allSatisfy({ !$0.isEmpty }) else {
      throw Failure(
        .configuration, value.place, "\(value.path) must be names with dots between, as usage.total_tokens")
    }
    return path
  }

  /// `Authorization: Bearer`, or a header's name alone.
  private static func keyHeader(_ value: YAMLValue) throws(Failure) -> ProviderSettings.KeyHeader {
    let text = try value.text(.text)
    guard let match = text.wholeMatch(of: /([A-Za-z0-9\-]+)(?:: ([A-Za-z]+))?/) else {
      throw Failure(.configuration, value.place, "\(value.path) must be as api-key, or as Authorization: Bearer")
    }
    return ProviderSettings.KeyHeader(name: String(match.1), scheme: match.2.map { "\($0) " } ?? "")
  }

  private static func names(_ value: YAMLValue) throws(Failure) -> ProviderSettings.FieldNames {
    let keys = try value.mapping(keys: ["dimensions", "encoding_format"])
    var names = ProviderSettings.FieldNames()
    if let dimensions = keys["dimensions"] {
      names.dimensions = dimensions.isNull ? nil : try dimensions.text(.word)
    }
    names.encodingFormat = try keys["encoding_format"]?.text(.word) ?? names.encodingFormat
    return names
  }

  private static func encodings(_ value: YAMLValue) throws(Failure) -> [ProviderSettings.Encoding] {
    var encodings: [ProviderSettings.Encoding] = []
    for entry in try value.list(of: "encodings") {
      let encoding: ProviderSettings.Encoding = try entry.choice()
      if !encodings.contains(encoding) { encodings.append(encoding) }
    }
    guard !encodings.isEmpty else {
      throw Failure(.configuration, value.place, "\(value.path) must name at least one encoding")
    }
    return encodings
  }
}

extension YAMLValue {
  /// One of `Choice`'s words.
  func choice<Choice: RawRepresentable<String> & CaseIterable>() throws(Failure) -> Choice {
    let allowed = Allowed.choice(Choice.allCases.map(\.rawValue))
    guard let choice = Choice(rawValue: try text(allowed)) else { throw refusal(allowed) }
    return choice
  }
}
