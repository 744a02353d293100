import Backfill
import Foundation
import Testing

@testable import Configuration

/// What the catalogue says of a provider, and what becomes of it.
struct CatalogueProviderTests {
  private static let catalogue = """
    providers:
      - name: acme
        base_url: https://api.acme.example/v1
        hosts: [api.acme.example]
        key: ACME_API_KEY
        key_header: x-acme-key
        names: {dimensions: size, encoding_format: as}
        send: {truncation: false, options: {deep: [1, 2.5, null, yes please]}}
        document: {input_type: document}
        query: {input_type: query}
        encodings: [base64, none]
        usage: meta.tokens
        max_inputs: 7
      - {name: bare}
    models:
      - {id: one, provider: acme, dimensions: [8, 4], prefix: "d: ", query_prefix: "q: "}
      - {id: two, provider: acme, dimensions: 8, document: {}, query: {kind: q}}
      - {id: old, provider: acme, dimensions: 8, sunset: 2026-08-25}
    """

  @Test func `a provider's batch API is its entry's, and sets the price of models without a batch price`() throws {
    let batch =
      "{format: mistral, max_file_bytes: 5, max_inputs: 6, max_lines: 7, price_factor: 0.25, window_hours: 12}"
    let workspace = try workspace(
      """
      providers: [{name: acme, batch: \(batch)}]
      models:
        - {id: one, provider: acme, dimensions: 8, price: {usd_per_million_tokens: 4}}
        - {id: two, provider: acme, dimensions: 8, price: {usd_per_million_tokens: 4, batch: 3}}
      """)
    for (model, price) in [("one", 1.0), ("two", 3.0)] {
      let configuration = try workspace.configuration(spec: "provider: acme\nmodel: \(model)")
      #expect(configuration.price?.usdPerMillionTokensInBatch == price)
      let settings = try configuration.provider()
      #expect(settings.batchProviders == ["acme"])
      #expect(
        settings.batch
          == CatalogueBatch(
            format: .mistral, maxFileBytes: 5, maxInputs: 6, maxLines: 7, priceFactor: 0.25, windowHours: 12))
    }
  }

  @Test(arguments: [
    "{format: voyage, max_file_bytes: 5, max_inputs: 6, max_lines: 7}", "{format: openai, max_inputs: 6, max_lines: 7}",
    "{format: openai, max_file_bytes: 0, max_inputs: 6, max_lines: 7}",
    "{format: openai, max_file_bytes: 5, max_inputs: 6, max_lines: 7, price_factor: 2}", "true",
  ])
  func `a batch entry that can't be is refused`(batch: String) throws {
    let workspace = try workspace("providers: [{name: acme, batch: \(batch)}]")
    #expect(throws: Failure.self) { try workspace.configuration(spec: "provider: acme\nmodel: one") }
  }

  private func workspace(_ own: String? = nil) throws -> Workspace {
    let workspace = try Workspace()
    workspace.environment["VECFILL_CONFIG_DIR"] = "config"
    workspace.environment["ACME_API_KEY"] = "acme-1"
    try workspace.write(Self.catalogue, to: "config/models.yaml")
    if let own {
      try workspace.write(own, to: "own.yaml")
      workspace.environment["VECFILL_MODELS"] = "own.yaml"
    }
    return workspace
  }

  @Test func `a provider's name is all that a job needs`() throws {
    let configuration = try workspace().configuration(spec: "provider: acme\nmodel: one\ndimensions: 4")
    let settings = try configuration.provider()
    #expect(settings.name == "acme" && settings.format == .openai && settings.baseURL == "https://api.acme.example/v1")
    #expect(settings.key?.reveal() == "acme-1")
    #expect(settings.keyHeader == ProviderSettings.KeyHeader(name: "x-acme-key", scheme: ""))
    #expect(settings.names.dimensions == "size" && settings.names.encodingFormat == "as")
    #expect(settings.encodings == [.base64, .unsaid] && settings.usage == "meta.tokens" && settings.sendsDimensions)
    let options: JSONValue = .object([
      "deep": .array([.integer(1), .number(2.5), .null, .string("yes please")])
    ])
    #expect(
      settings.fields(for: .document)
        == ["truncation": .boolean(false), "options": options, "input_type": .string("document")])
    #expect(settings.fields(for: .query)["input_type"] == .string("query"))
    let job = try configuration.job()
    #expect(job.model.fields == settings.fields(for: .document) && job.model.maxInputs == 7)
    #expect(job.model.provider == "acme")
    #expect(job.preparation.prefix == "d: ")
    #expect(configuration.queryPreparation(of: job).input(for: "x") == "q: x")
    #expect(try configuration.setting("base_url").origin == .config(file: "config/models.yaml", line: 2))
  }

  @Test func `a model's fields stand in place of its provider's`() throws {
    let settings = try workspace().configuration(spec: "provider: acme\nmodel: two").provider()
    #expect(settings.document.isEmpty && settings.query == ["kind": .string("q")])
    #expect(settings.fields(for: .document).keys.sorted() == ["options", "truncation"])
  }

  @Test func `a later file changes what it names and nothing else`() throws {
    let workspace = try workspace(
      """
      providers:
        - {name: acme, base_url: "http://127.0.0.1:9/v2", send: {strict: true}, max_inputs: 3}
      models: [{id: two, provider: acme, prefix: ""}, {id: one, provider: acme, prefix: ""}]
      """)
    let configuration = try workspace.configuration(spec: "provider: acme\nmodel: one")
    let settings = try configuration.provider()
    #expect(settings.baseURL == "http://127.0.0.1:9/v2" && settings.send == ["strict": .boolean(true)])
    #expect(settings.document == ["input_type": .string("document")] && settings.usage == "meta.tokens")
    let job = try configuration.job()
    #expect(job.model.maxInputs == 3 && job.preparation.prefix == "")
  }

  @Test func `a base URL of the job wins over the provider's`() throws {
    let workspace = try workspace()
    let spec = "provider: acme\nmodel: one\nbase_url: http://127.0.0.1:9/v1/"
    #expect(try workspace.configuration(spec: spec).provider().baseURL == "http://127.0.0.1:9/v1")
    let flagged = try workspace.configuration(spec: spec, flags: [.baseURL: "http://127.0.0.1:8"])
    #expect(try flagged.provider().baseURL == "http://127.0.0.1:8")
  }

  @Test func `a provider without an address needs one from the job`() throws {
    let workspace = try workspace()
    workspace.environment["VECFILL_API_KEY"] = "k"
    let spec = "provider: bare\nmodel: m\ndimensions: 3"
    let line = try failureLine { _ = try workspace.configuration(spec: spec).provider() }
    #expect(
      line == "base_url: is not set, and the catalogue has none of provider bare; "
        + "set base_url: in the job spec, or --base-url")
    #expect(try workspace.configuration(spec: spec + "\nbase_url: http://h/v1").provider().baseURL == "http://h/v1")
  }

  @Test(arguments: [
    ("provider: acmee", "the catalogue doesn't know this provider; did you mean acme? `vecfill models` lists them"),
    ("provider: ACME", "the catalogue doesn't know this provider; did you mean acme? `vecfill models` lists them"),
    (
      "provider: bedrock",
      "provider must be one of openai, azure, demo, acme, bare; "
        + "others are added to a catalogue of your own (docs/providers.md)"
    ),
  ])
  func `a provider that the catalogue doesn't know is refused`(spec: String, told: String) throws {
    let line = try failureLine { _ = try workspace().configuration(spec: spec) }
    #expect(line == "job.yaml:2: \(told)")
    let other = try workspace()
    other.environment["VECFILL_PROVIDER"] = String(spec.dropFirst(10))
    #expect(try failureLine { _ = try other.configuration() } == "environment VECFILL_PROVIDER: \(told)")
  }

  @Test func `a model that is nearly one of the provider's is asked about`() throws {
    let workspace = try workspace("models: [{id: text-small, provider: acme, dimensions: 8}]")
    let line = try failureLine { _ = try workspace.configuration(spec: "provider: acme\nmodel: text-smal").job() }
    #expect(
      line == "dimensions: is not set, and the catalogue doesn't know those of text-smal; did you mean text-small? "
        + "else set dimensions: in the job spec, --dimensions or VECFILL_DIMENSIONS")
    let warned = try workspace.configuration(spec: "provider: acme\nmodel: text-smal\ndimensions: 8")
    _ = try warned.job()
    #expect(warned.warnings() == ["the catalogue doesn't know model text-smal: did you mean text-small?"])
    #expect(try workspace.configuration(spec: "provider: acme\nmodel: text-small").warnings() == [])
    #expect(try workspace.configuration(spec: "provider: acme\nmodel: entirely-new\ndimensions: 8").warnings() == [])
  }

  @Test func `another provider's model is told to be that`() throws {
    let workspace = try workspace("providers: [{name: openai, hosts: [api.openai.com]}]")
    let warnings = try workspace.configuration(spec: "model: two\ndimensions: 8").warnings()
    #expect(warnings == ["the catalogue doesn't know model two: did you mean two of provider acme?"])
  }

  @Test(arguments: [
    ("2026-02-25T00:00:00Z", [] as [String]),
    (
      "2026-02-26T00:00:00Z",
      ["acme may stop serving old on 2026-08-25: vectors of another model need a column of their own"]
    ),
    (
      "2026-08-24T23:59:59Z",
      ["acme may stop serving old on 2026-08-25: vectors of another model need a column of their own"]
    ),
    ("2026-08-25T00:00:00Z", ["acme may no longer serve old: its sunset was 2026-08-25"]),
    ("2031-01-01T00:00:00Z", ["acme may no longer serve old: its sunset was 2026-08-25"]),
  ])
  func `a model's sunset is told from half a year before it`(now: String, expected: [String]) throws {
    let configuration = try workspace().configuration(spec: "provider: acme\nmodel: old")
    #expect(configuration.warnings(now: try Date(now, strategy: .iso8601)) == expected)
  }

  @Test(arguments: [
    (
      "names: {dimensions: null}\n    send: {}", "dimensions: 4",
      "job.yaml:4: dimensions must be 8 with model one, not 4; acme gives no others; cut: local shortens them"
    ),
    ("max_inputs: 2", "dimensions: 5", "job.yaml:4: dimensions must be one of 4, 8 with model one, not 5"),
    ("max_inputs: 2", "dimensions: 9\ncut: local", "job.yaml:4: dimensions must be at most 8 with model one, not 9"),
  ])
  func `dimensions that can't be had are refused`(entry: String, lines: String, told: String) throws {
    let workspace = try workspace("providers:\n  - name: acme\n    \(entry)")
    let line = try failureLine { _ = try workspace.configuration(spec: "provider: acme\nmodel: one\n\(lines)").job() }
    #expect(line == told)
  }

  @Test func `vectors that are cut here may have any length below the model's, which isn't asked for`() throws {
    let configuration = try workspace("providers: [{name: acme, names: {dimensions: null}}]")
      .configuration(spec: "provider: acme\nmodel: one\ndimensions: 5\ncut: local")
    #expect(try configuration.job().model.cut == .local)
    let settings = try configuration.provider()
    #expect(settings.cut == .local && !settings.sendsDimensions && settings.names.dimensions == nil)
  }

  @Test func `dimensions are never sent to a provider that takes none`() throws {
    let workspace = try workspace("providers: [{name: acme, names: {dimensions: null}}]")
    let spec = "provider: acme\nmodel: new\ndimensions: 5\n"
    #expect(try !workspace.configuration(spec: spec).provider().sendsDimensions)
    let line = try failureLine { _ = try workspace.configuration(spec: spec + "send_dimensions: true").provider() }
    #expect(
      line == "job.yaml:5: send_dimensions must be false: provider acme takes none; cut: local shortens vectors here")
  }

  @Test func `a provider's price is that of its models, known or not`() throws {
    let workspace = try workspace("providers: [{name: acme, price: {usd_per_million_tokens: 0}}]")
    for model in ["one", "new\ndimensions: 3"] {
      let configuration = try workspace.configuration(spec: "provider: acme\nmodel: \(model)\nbudget: {usd: 1}")
      #expect(try configuration.job().model.usdPerMillionTokens == 0)
      #expect(try configuration.setting("price").value == .number(0))
    }
  }

  @Test func `models of a provider that nobody can call are left out`() throws {
    let workspace = try workspace("models: [{id: titan, provider: bedrock, dimensions: 8}]")
    let catalogue = try ModelCatalogue(process: workspace.process)
    #expect(catalogue.models.map(\.id) == ["hashed-ngrams", "one", "two", "old"])
    #expect(catalogue.model(provider: "bedrock", id: "titan") == nil)
  }

  @Test(arguments: [
    ("format: soap", "14: providers[0].format must be one of openai, azure, cohere, gemini, ollama, tei, demo"),
    (
      "format: coher",
      "21: providers[0].format must be one of openai, azure, cohere, gemini, ollama, tei, demo; did you mean cohere?"
    ),
    (
      "base_url: api.h",
      "23: providers[0].base_url must be http(s)://host[:port][/path] without user, password, query or fragment"
    ),
    ("key: sk-planted", "18: providers[0].key must be the name of the key's variable, as VOYAGE_API_KEY"),
    ("key: planted", "18: providers[0].key must be the name of the key's variable, as VOYAGE_API_KEY"),
    ("needs_key: maybe", "24: providers[0].needs_key must be true or false, not text"),
    ("key_header: \"a: b: c\"", "25: providers[0].key_header must be as api-key, or as Authorization: Bearer"),
    ("names: {size: d}", "21: providers[0].names.size is not a known key; allowed here: dimensions, encoding_format"),
    ("names: {encoding_format: null}", "38: providers[0].names.encoding_format must be text, not nothing"),
    ("send: [a]", "19: providers[0].send must be a mapping, as JSON has it, not a list"),
    (
      "send: {a: .inf}",
      "23: providers[0].send.a must be a number as JSON writes it, not .inf; put it in quotes if it is text"
    ),
    (
      "send: {a: 010}",
      "23: providers[0].send.a must be a number as JSON writes it, not 010; put it in quotes if it is text"
    ),
    ("send: {a: yes}", "23: providers[0].send.a must be true or false, not yes"),
    (
      "send: {api_key: planted}",
      "29: providers[0].send.api_key is a secret, and secrets don't belong in a file like this; send it as a header, with ${NAME} in its value (headers:)"
    ),
    (
      "send: {x: sk-planted0123456789abcdef}",
      "23: providers[0].send.x holds what looks like a password or a key; take it out: secrets belong in the environment or in .env"
    ),
    ("encodings: []", "24: providers[0].encodings must name at least one encoding"),
    ("usage: '.'", "24: providers[0].usage must be names with dots between, as usage.total_tokens"),
    ("usage: '..'", "24: providers[0].usage must be names with dots between, as usage.total_tokens"),
    ("usage: 'usage..tokens'", "24: providers[0].usage must be names with dots between, as usage.total_tokens"),
    ("usage: '.tokens'", "24: providers[0].usage must be names with dots between, as usage.total_tokens"),
    ("usage: 'tokens.'", "24: providers[0].usage must be names with dots between, as usage.total_tokens"),
    ("encodings: [hex]", "25: providers[0].encodings[0] must be one of base64, float, none"),
    (
      "headers: {}",
      "13: providers[0].headers is not a known key; allowed here: name, hosts, base_url, format, key, needs_key, key_header, names, send, document, query, usage, encodings, price, batch, max_input_tokens, max_inputs, max_request_tokens, requests_per_minute, tokens_per_minute"
    ),
  ])
  func `an entry that is wrong is refused`(entry: String, told: String) throws {
    let workspace = try Workspace()
    try workspace.write("providers: [{\(entry), name: p}]", to: "own.yaml")
    let line = try failureLine { _ = try workspace.configuration(flags: [.models: "own.yaml"]) }
    let place = line.prefix { $0 != " " }
    #expect(place.hasPrefix("own.yaml:1:") && place.hasSuffix(":"))
    #expect(line.dropFirst(place.count + 1) == told.drop { $0 != " " }.dropFirst())
    #expect(!line.contains("planted"))
  }

  @Test(arguments: ["2026-13", "2026-08", "soon", "20260825"])
  func `a sunset that is no day is refused`(text: String) throws {
    let workspace = try Workspace()
    try workspace.write("models: [{id: a, provider: p, sunset: \"\(text)\"}]", to: "own.yaml")
    let line = try failureLine { _ = try workspace.configuration(flags: [.models: "own.yaml"]) }
    #expect(line.hasSuffix("models[0].sunset must be a date, as 2026-11-22"))
  }
}
