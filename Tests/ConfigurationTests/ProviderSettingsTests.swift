import Backfill
import Testing

@testable import Configuration

struct ProviderSettingsTests {
  private func provider(
    _ spec: String = "", _ environment: [String: String] = [:]
  ) throws -> ProviderSettings {
    let workspace = try Workspace()
    workspace.environment = environment
    return try workspace.configuration(spec: "model: m\ndimensions: 3\n" + spec).provider()
  }

  @Test func `OpenAI is called with what the usual variables say`() throws {
    let settings = try provider(
      "timeout: 9\nca_file: certs/own.pem\nencoding_format: float",
      ["OPENAI_API_KEY": "sk-1", "OPENAI_ORG_ID": "org-1", "OPENAI_PROJECT_ID": "proj_1"])
    #expect(settings.name == "openai" && settings.format == .openai)
    #expect(settings.baseURL == "https://api.openai.com/v1")
    #expect(settings.key?.reveal() == "sk-1" && settings.keyHeader == .bearer)
    #expect(settings.organization == "org-1" && settings.project == "proj_1")
    #expect(settings.timeout == .seconds(9) && settings.encodings == [.float, .unsaid])
    #expect(settings.caFile?.hasSuffix("/certs/own.pem") == true && settings.caFile?.hasPrefix("/") == true)
    #expect(settings.azure == nil && settings.proxy == nil && !settings.sendsDimensions && settings.cut == .provider)
    #expect(settings.fields(for: .document).isEmpty && settings.fields(for: .query).isEmpty)
  }

  @Test func `vectors are asked for in base64 first, unless the job says float`() throws {
    let environment = ["OPENAI_API_KEY": "sk-1"]
    #expect(try provider("", environment).encodings == [.base64, .float, .unsaid])
    #expect(try provider("encoding_format: base64", environment).encodings == [.base64, .float, .unsaid])
    #expect(try provider("encoding_format: float", environment).encodings == [.float, .unsaid])
  }

  @Test(arguments: ["https://api.openai.com/v1", "https://API.openai.com/v1/", "https://eu.api.openai.com/v1"])
  func `OpenAI's own API requires a key`(baseURL: String) throws {
    let line = try failureLine { _ = try provider("", ["OPENAI_BASE_URL": baseURL]) }
    #expect(
      line == "OPENAI_API_KEY: is not set, and provider openai needs it; set it in the environment or in .env")
  }

  @Test(arguments: ["http://127.0.0.1:8080/v1", "https://api.openai.com.example/v1", "https://gateway/api.openai.com"])
  func `a server that speaks OpenAI's API requires none`(baseURL: String) throws {
    #expect(try provider("", ["OPENAI_BASE_URL": baseURL]).key == nil)
    #expect(try provider("", ["OPENAI_BASE_URL": baseURL, "OPENAI_API_KEY": "k"]).key?.reveal() == "k")
  }

  @Test(arguments: [
    ("https://api.openai.com/v1", "api.openai.com"), ("https://api.openai.com:443/v1", "api.openai.com"),
    ("HTTPS://API.openai.com:443", "api.openai.com"), ("http://tei:80/v1", "tei"), ("http://tei:443", "tei:443"),
    ("https://tei:80", "tei:80"), ("http://localhost:8080/v1", "localhost:8080"),
  ])
  func `a pool is named by the host, and by its port where that is not the usual one`(
    baseURL: String, host: String
  ) throws {
    let workspace = try Workspace()
    workspace.environment = ["OPENAI_BASE_URL": baseURL]
    #expect(try workspace.configuration(spec: "model: m\ndimensions: 3\n").pool() == "\(host) m")
  }

  @Test func `slashes at a URL's end don't matter`() throws {
    #expect(try provider("base_url: http://h/v1//").baseURL == "http://h/v1")
  }

  @Test func `Azure is called with its own key, endpoint and deployment`() throws {
    let environment = [
      "OPENAI_API_KEY": "sk-1", "AZURE_OPENAI_API_KEY": "az-1", "OPENAI_ORG_ID": "org-1",
      "AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com/",
    ]
    let modern = try provider("provider: azure", environment)
    #expect(modern.key?.reveal() == "az-1" && modern.organization == nil)
    #expect(modern.keyHeader == ProviderSettings.KeyHeader(name: "api-key", scheme: ""))
    let expected = ProviderSettings.Azure(
      endpoint: "https://res.openai.azure.com", deployment: "m", apiVersion: nil)
    #expect(modern.azure == expected)
    let classic = try provider("provider: azure\ndeployment: small\napi_version: 2024-10-21", environment)
    #expect(classic.azure?.deployment == "small" && classic.azure?.apiVersion == "2024-10-21")
  }

  @Test func `Azure requires its key and its endpoint`() throws {
    #expect(
      try failureLine { _ = try provider("provider: azure", ["OPENAI_API_KEY": "sk-1"]) }
        == "AZURE_OPENAI_API_KEY: is not set, and provider azure needs it; set it in the environment or in .env")
    #expect(
      try failureLine {
        _ = try provider(
          "provider: azure", ["OPENAI_API_KEY": "sk-1", "AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com"])
      }
        == "AZURE_OPENAI_API_KEY: is not set, and provider azure needs it; set it in the environment or in .env")
    #expect(
      try failureLine { _ = try provider("provider: azure", ["AZURE_OPENAI_API_KEY": "az-1"]) }
        == "AZURE_OPENAI_ENDPOINT: is not set, and provider azure needs it; "
        + "set it, or endpoint: in the job spec, to the resource's URL")
  }

  @Test(arguments: ["demo", "local"])
  func `the demo is given no key and says what it is`(name: String) throws {
    let workspace = try Workspace()
    workspace.environment = ["OPENAI_API_KEY": "sk-1", "VECFILL_API_KEY": "k"]
    let configuration = try workspace.configuration(spec: "provider: \(name)")
    let settings = try configuration.provider()
    #expect(settings.name == "demo" && settings.format == .demo && settings.key == nil)
    let warnings = configuration.warnings()
    #expect(
      warnings.last == "provider demo is a lexical hash for demos and tests: it finds shared words, not meanings")
    #expect(
      warnings.dropLast()
        == (name == "local"
          ? ["provider local is called demo now: write provider: demo; its columns stay as they are"] : []))
  }

  @Test func `the demo's columns are the same under both names`() throws {
    func recorded(_ name: String) throws -> String {
      let job = try Workspace().configuration(spec: "provider: \(name)").job()
      return try job.fingerprint(of: job.sources[0]).recorded()
    }
    #expect(try recorded("demo") == recorded("local"))
    #expect(
      try recorded("demo")
        == #"{"dimensions":1536,"model":"hashed-ngrams","preparation":{"newlines":"keep","tooLong":"quarantine"},"#
        + #""text":"content"}"#)
  }

  @Test func `the database is required only by what asks for it`() throws {
    let workspace = try Workspace()
    let configuration = try workspace.configuration(spec: "model: m\ndimensions: 3")
    _ = try configuration.job()
    let line = try failureLine { _ = try configuration.databaseURL() }
    #expect(line == "DATABASE_URL: is not set, and a job needs it; set it in the environment or in .env")
    try workspace.write("DATABASE_URL='postgresql://u:p@h/d'", to: ".env")
    #expect(try workspace.configuration().databaseURL().reveal() == "postgresql://u:p@h/d")
  }

  @Test(arguments: [("/var/x.db", "/var/x.db"), ("x.db", "WORKSPACE/x.db"), ("~/x.db", "/home/u/x.db")])
  func `the ledger's path is absolute`(path: String, expected: String) throws {
    let workspace = try Workspace()
    workspace.environment = ["HOME": "/home/u", "VECFILL_LEDGER": path]
    let ledger = try workspace.configuration().ledgerPath
    #expect(ledger == expected.replacing("WORKSPACE", with: workspace.path))
    workspace.environment["VECFILL_LEDGER"] = nil
    #expect(try workspace.configuration().ledgerPath == nil)
  }
}
