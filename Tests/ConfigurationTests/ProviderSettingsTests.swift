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
    #expect(settings.kind == .openai && settings.baseURL == "https://api.openai.com/v1")
    #expect(settings.apiKey?.reveal() == "sk-1")
    #expect(settings.organization == "org-1" && settings.project == "proj_1")
    #expect(settings.timeout == .seconds(9) && settings.encodingFormat == .float)
    #expect(settings.caFile?.hasSuffix("/certs/own.pem") == true && settings.caFile?.hasPrefix("/") == true)
    #expect(settings.azure == nil && settings.proxy == nil && !settings.sendDimensions)
  }

  @Test(arguments: ["https://api.openai.com/v1", "https://API.openai.com/v1/", "https://eu.api.openai.com/v1"])
  func `OpenAI's own API requires a key`(baseURL: String) throws {
    let line = try failureLine { _ = try provider("", ["OPENAI_BASE_URL": baseURL]) }
    #expect(
      line == "OPENAI_API_KEY: is not set, and OpenAI's API needs it; set it in the environment or in .env")
  }

  @Test(arguments: ["http://127.0.0.1:8080/v1", "https://api.openai.com.example/v1", "https://gateway/api.openai.com"])
  func `a server that speaks OpenAI's API requires none`(baseURL: String) throws {
    #expect(try provider("", ["OPENAI_BASE_URL": baseURL]).apiKey == nil)
    #expect(try provider("", ["OPENAI_BASE_URL": baseURL, "OPENAI_API_KEY": "k"]).apiKey?.reveal() == "k")
  }

  @Test func `slashes at a URL's end don't matter`() throws {
    #expect(try provider("base_url: http://h/v1//").baseURL == "http://h/v1")
  }

  @Test func `Azure is called with its own key, endpoint and deployment`() throws {
    let environment = [
      "OPENAI_API_KEY": "sk-1", "AZURE_OPENAI_API_KEY": "az-1",
      "AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com/",
    ]
    let modern = try provider("provider: azure", environment)
    #expect(modern.apiKey?.reveal() == "az-1")
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
      try failureLine { _ = try provider("provider: azure", ["AZURE_OPENAI_API_KEY": "az-1"]) }
        == "AZURE_OPENAI_ENDPOINT: is not set, and provider azure needs it; "
        + "set it, or endpoint: in the job spec, to the resource's URL")
  }

  @Test func `the local embedder is given no key`() throws {
    let workspace = try Workspace()
    workspace.environment["OPENAI_API_KEY"] = "sk-1"
    let settings = try workspace.configuration(spec: "provider: local").provider()
    #expect(settings.kind == .local && settings.apiKey == nil)
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
