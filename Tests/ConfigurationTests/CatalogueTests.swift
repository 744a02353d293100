import Backfill
import Foundation
import Testing

@testable import Configuration

struct CatalogueTests {
  private static let shipped = """
    providers:
      - {name: openai, hosts: [api.openai.com], max_inputs: 2048, max_request_tokens: 300000}
      - {name: mistral, hosts: [API.mistral.ai], max_inputs: 256}
    models:
      - id: small
        provider: openai
        price: {usd_per_million_tokens: 0.02, batch: 0.01, as_of: 2026-11, source: a list}
        dimensions: {default: 1536, min: 1, max: 1536}
        max_input_tokens: 8192
        tokenizer: cl100k_base
      - {id: ada, provider: openai, price: {usd_per_million_tokens: 0.1}, dimensions: 1536}
      - {id: small, provider: azure, price: {usd_per_million_tokens: 0.022}, dimensions: [1024, 256]}
      - {id: embed, provider: mistral, price: {usd_per_million_tokens: 0.1}, dimensions: 1024, max_inputs: 10}
      - {id: slow, provider: openai, dimensions: 8, requests_per_minute: 60, tokens_per_minute: 9000}
    """

  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    workspace.environment["VECFILL_CONFIG_DIR"] = "config"
    try workspace.write(Self.shipped, to: "config/models.yaml")
    return workspace
  }

  @Test func `a known model has its price, its dimensions and its provider's limits`() throws {
    let configuration = try workspace().configuration(spec: "model: small\nbudget: {usd: 5}")
    let model = Model(
      name: "small", provider: "openai", dimensions: 1536, usdPerMillionTokens: 0.02, maxInputTokens: 8192,
      maxInputs: 2048, maxRequestTokens: 300_000)
    let job = try configuration.job()
    #expect(job.model == model)
    #expect(job.budget == Job.Budget(usd: 5))
    #expect(configuration.catalogueModel?.tokenizer == .cl100kBase)
    #expect(configuration.catalogueModel?.price?.usdPerMillionTokensInBatch == 0.01)
    let dimensions = try configuration.setting("dimensions")
    #expect(dimensions.origin == .config(file: "config/models.yaml", line: 5))
    #expect(try configuration.setting("price").value == .number(0.02))
  }

  @Test func `a known model's limits a minute are the job's where it has none`() throws {
    let workspace = try workspace()
    let job = try workspace.configuration(spec: "model: slow\nlimits: {tokens_per_minute: 5}").job()
    #expect(job.limits == Job.Limits(requestsPerMinute: 60, tokensPerMinute: 5))
  }

  @Test func `an unknown model runs, and its price is unknown`() throws {
    let configuration = try workspace().configuration(spec: "model: new\ndimensions: 7")
    let model = try configuration.job().model
    #expect(model == Model(name: "new", provider: "openai", dimensions: 7, maxInputs: 2048, maxRequestTokens: 300_000))
    #expect(model.cost(ofTokens: 1_000_000) == nil)
    #expect(try configuration.setting("price").value == .text("unknown"))
  }

  @Test(arguments: [
    ("provider: azure\nmodel: small", 0.022, 2 as Int?),
    ("base_url: https://api.mistral.ai/v1\nmodel: embed", 0.1, 10),
    ("base_url: http://127.0.0.1:80/v1\nmodel: small", 0.02, 2048),
  ])
  func `a model is looked up at the provider that is called`(spec: String, price: Double, inputs: Int?) throws {
    let workspace = try workspace()
    try workspace.write("providers: [{name: azure, max_inputs: 2}]", to: "own.yaml")
    let model = try workspace.configuration(spec: spec, flags: [.models: "own.yaml"]).job().model
    #expect(model.usdPerMillionTokens == price)
    #expect(model.maxInputs == inputs)
  }

  @Test func `another server's unknown model has no limits of OpenAI's`() throws {
    let spec = "base_url: http://127.0.0.1:80/v1\nmodel: new\ndimensions: 7"
    #expect(
      try workspace().configuration(spec: spec).job().model
        == Model(name: "new", provider: "127.0.0.1:80", dimensions: 7))
  }

  @Test(arguments: [
    ("model: ada\ndimensions: 512", "job.yaml:3: dimensions must be 1536 with model ada, not 512"),
    ("model: small\ndimensions: 1537", "job.yaml:3: dimensions must be from 1 to 1536 with model small, not 1537"),
    (
      "model: small\ndimensions: 512\nprovider: azure",
      "job.yaml:3: dimensions must be one of 256, 1024 with model small, not 512"
    ),
    (
      "model: new",
      "dimensions: is not set, and the catalogue doesn't know those of new; "
        + "set dimensions: in the job spec, --dimensions or VECFILL_DIMENSIONS"
    ),
    ("dimensions: 7", "model: is not set; set model: in the job spec, --model or VECFILL_MODEL"),
    (
      "model: new\ndimensions: 7\nbudget: {usd: 5}",
      "job.yaml:4: budget.usd can't be kept: the price of new is unknown; "
        + "set the price in a catalogue of your own (--models), or take the budget out"
    ),
    (
      "model: small\nprovider: local",
      "job.yaml:2: model must be hashed-ngrams with provider demo; "
        + "a column filled by one model must never be taken for another's"
    ),
  ])
  func `a job that the model can't do is refused`(spec: String, told: String) throws {
    let configuration = try workspace().configuration(spec: spec)
    let line = try failureLine { _ = try configuration.job() }
    #expect(line == told)
  }

  @Test func `the dimensions are sent where a known model shall shorten its vectors`() throws {
    let workspace = try workspace()
    for (spec, isSent) in [
      ("model: small", false), ("model: small\ndimensions: 1536", false), ("model: small\ndimensions: 256", true),
      ("model: small\ndimensions: 256\nsend_dimensions: false", false), ("model: new\ndimensions: 256", false),
      ("model: new\ndimensions: 256\nsend_dimensions: true", true),
    ] {
      let setting = try workspace.configuration(spec: spec).setting("send_dimensions")
      #expect(setting.value == .boolean(isSent), "\(spec)")
    }
  }

  @Test func `a user's own catalogue changes models and adds some, and a chosen one wins over it`() throws {
    let workspace = try workspace()
    workspace.environment["HOME"] = "\(workspace.path)/home"
    try workspace.write(
      """
      models:
        - {id: small, provider: openai, price: {usd_per_million_tokens: 0.015}, max_inputs: 50}
        - {id: own, provider: openai, dimensions: 3, price: {usd_per_million_tokens: 1}}
      """, to: "home/.config/vecfill/models.yaml")
    try workspace.write(
      "models: [{id: small, provider: openai, price: {usd_per_million_tokens: 0.01}}]", to: "chosen.yaml")

    let own = try workspace.configuration(spec: "model: small")
    let model = Model(
      name: "small", provider: "openai", dimensions: 1536, usdPerMillionTokens: 0.015, maxInputTokens: 8192,
      maxInputs: 50, maxRequestTokens: 300_000)
    #expect(try own.job().model == model)
    // The shipped batch price is not the user's.
    #expect(own.catalogueModel?.price?.usdPerMillionTokensInBatch == nil)
    #expect(own.catalogueModel?.origin == .config(file: "home/.config/vecfill/models.yaml", line: 2))
    #expect(try workspace.configuration(spec: "model: own").job().model.dimensions == 3)

    workspace.environment["VECFILL_MODELS"] = "chosen.yaml"
    let chosen = try workspace.configuration(spec: "model: small").job().model
    #expect(chosen.usdPerMillionTokens == 0.01 && chosen.maxInputs == 50)

    workspace.environment["XDG_CONFIG_HOME"] = "\(workspace.path)/elsewhere"
    try workspace.write(
      "models: [{id: small, provider: openai, max_inputs: 5}]", to: "elsewhere/vecfill/models.yaml")
    #expect(try workspace.configuration(spec: "model: small").job().model.maxInputs == 5)
  }

  @Test(arguments: [
    (
      "models: [{id: a, provider: p, price: {usd_per_million_tokens: 100}}]",
      "1:63: models[0].price.usd_per_million_tokens must be a number from 0 to 5, not 100; "
        + "prices are dollars a million tokens, and a higher one is taken for a typo"
    ),
    (
      "models: [{id: a, provider: p, price: {usd_per_million_tokens: 5.01}}]",
      "1:63: models[0].price.usd_per_million_tokens must be a number from 0 to 5, not 5.01; "
        + "prices are dollars a million tokens, and a higher one is taken for a typo"
    ),
    (
      "models: [{id: a, provider: p, price: {usd_per_million_tokens: 1, batch: 2}}]",
      "1:73: models[0].price.batch must be at most usd_per_million_tokens, not 2"
    ),
    (
      "models: [{id: a, provider: p, price: 1}]",
      "1:38: models[0].price must be a mapping of usd_per_million_tokens, batch, as_of, source, not 1"
    ),
    (
      "models: [{id: a, provider: p, price: {usd_per_million_tokens: 1, as_of: last year}}]",
      "1:73: models[0].price.as_of must be a date, as 2026-11 or 2026-11-22"
    ),
    ("models: [{id: a}]", "1:10: models[0].provider is missing"),
    ("models: [{provider: a}]", "1:10: models[0].id is missing"),
    (
      "models: [{id: a, provider: p, dimension: 5}]",
      "1:31: models[0].dimension is not a known key; did you mean dimensions?"
    ),
    (
      "models: [{id: a, provider: p, dimensions: {default: 9, min: 1, max: 5}}]",
      "1:43: models[0].dimensions must have min, default and max in ascending order"
    ),
    (
      "models: [{id: a, provider: p, dimensions: [5, x]}]",
      "1:47: models[0].dimensions[1] must be a whole number from 1 to 16000, not text"
    ),
    (
      "models: [{id: a, provider: p, dimensions: []}]",
      "1:43: models[0].dimensions must name at least the model's own dimensions"
    ),
    (
      "models: [{id: a, provider: p, tokenizer: cl100k}]",
      "1:42: models[0].tokenizer must be one of cl100k_base, unverified"
    ),
    (
      "models: [{id: a, provider: p}, {id: b, provider: p}, {id: a, provider: p}]",
      "1:54: models[2] is a of p, which is already above"
    ),
    ("providers: [{name: p}, {name: p}]", "1:24: providers[1] is p, which is already above"),
    ("models: {}", "1:9: models must be a list of models, not a mapping"),
    ("", " is empty"),
  ])
  func `a catalogue that is wrong is refused`(text: String, told: String) throws {
    let workspace = try Workspace()
    try workspace.write(text, to: "own.yaml")
    let line = try failureLine { _ = try workspace.configuration(flags: [.models: "own.yaml"]) }
    #expect(line == "own.yaml:\(told)")
  }

  @Test func `a chosen catalogue that is missing is refused`() throws {
    let workspace = try Workspace()
    let line = try failureLine { _ = try workspace.configuration(flags: [.models: "none.yaml"]) }
    #expect(line == "none.yaml: there is no such file; correct its path")
  }

  @Test(arguments: ["demo", "local"])
  func `without any catalogue the demo is known, and free, by its former name too`(provider: String) throws {
    let job = try Workspace().configuration(spec: "provider: \(provider)\nbudget: {usd: 1}").job()
    #expect(job.model == Model(name: "hashed-ngrams", provider: "demo", dimensions: 1536, usdPerMillionTokens: 0))
  }
}
