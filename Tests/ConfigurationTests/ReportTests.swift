import Foundation
import Testing

@testable import Configuration

struct ReportTests {
  private func configuration() throws -> JobConfiguration {
    let workspace = try Workspace()
    workspace.environment = [
      "OPENAI_API_KEY": "sk-PLANTED", "DATABASE_URL": "postgresql://u:PLANTED@h/d?sslpassword=PLANTED",
      "VECFILL_PROXY": "http://u:PLANTED@proxy:3128",
    ]
    try workspace.write("AZURE_OPENAI_API_KEY='PLANTED'\nVECFILL_TIMEOUT=5\n", to: ".env")
    return try workspace.configuration(
      spec: "model: text-embedding-3-small\ndimensions: 1536", flags: [.budget: "2.5"])
  }

  @Test func `the table tells each value and where it is from`() throws {
    let table = SettingsReport(try configuration().settings).table
    let lines = table.split(separator: "\n").map(String.init)
    #expect(lines.first?.split(separator: " ") == ["SETTING", "VALUE", "FROM"])
    #expect(lines.count == 1 + 2 + Parameter.allCases.count + 1)
    let columns = lines.map { $0.split(separator: /\ {2,}/).map(String.init) }
    #expect(columns.allSatisfy { $0.count == 3 })
    #expect(columns.contains(["name", "job", "default"]))
    #expect(columns.contains(["sources[0]", "messages (id, content -> embedding)", "job.yaml:1"]))
    #expect(columns.contains(["model", "text-embedding-3-small", "job.yaml:2"]))
    #expect(columns.contains(["batch_size", "100", "default"]))
    #expect(columns.contains(["budget.usd", "2.5", "--budget"]))
    #expect(columns.contains(["timeout", "5", ".env:2"]))
    #expect(columns.contains(["api_key", "set (10 characters)", "environment OPENAI_API_KEY"]))
    #expect(columns.contains(["ledger", "-", "not set"]))
    #expect(columns.contains(["price", "unknown", "default"]))
    #expect(Set(lines.dropLast(0).map { $0.first == " " }) == [false])
  }

  @Test func `the JSON holds the same with types`() throws {
    let json = try SettingsReport(try configuration().settings).json()
    let parsed = try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: [[String: Any]]])
    let settings = try #require(parsed["settings"])
    func setting(_ key: String) throws -> [String: Any] { try #require(settings.first { $0["key"] as? String == key }) }
    #expect(try setting("dimensions")["value"] as? Int == 1536)
    #expect(try setting("dimensions")["layer"] as? String == "spec")
    #expect(try setting("dimensions")["origin"] as? String == "job.yaml:3")
    #expect(try setting("budget.usd")["value"] as? Double == 2.5)
    #expect(try setting("send_dimensions")["value"] as? Bool == false)
    #expect(try setting("ledger")["value"] is NSNull)
    #expect(
      try setting("database_url")["value"] as? String == "postgresql://u:***@h/d?sslpassword=***")
  }

  @Test func `no planted secret is in any report, description or dump`() throws {
    let configuration = try configuration()
    #expect(try configuration.databaseURL().reveal().contains("PLANTED"))
    var dumped = ""
    dump(configuration, to: &dumped)
    dump(configuration.settings, to: &dumped)
    let report = SettingsReport(configuration.settings)
    for text in [
      report.table, try report.json(), dumped, "\(configuration)", String(reflecting: configuration.settings),
    ] {
      #expect(text.count > 100)
      #expect(!text.contains("PLANTED"))
    }
  }

  @Test func `no planted secret is in a failure, whatever is wrong with it`() throws {
    let planted = "PLANTED with spaces"
    var refused: Set<String> = []
    let keys = CatalogueProvider.builtIn.compactMap { provider in provider.keyVariable.map { ($0, provider.name) } }
    let others = Parameter.allCases.compactMap(\.definition.variable).map { ($0, CatalogueProvider.openAI) }
    for (variable, provider) in keys + others {
      for place in ["environment", ".env"] {
        let workspace = try Workspace()
        workspace.environment["VECFILL_PROVIDER"] = provider
        if place == ".env" {
          try workspace.write("\(variable)='\(planted)'", to: ".env")
        } else {
          workspace.environment[variable] = planted
        }
        do {
          _ = try workspace.configuration()
        } catch  where variable == "VECFILL_CONFIG_DIR" || variable == "VECFILL_MODELS" {
          // These two name the path that isn't there.
        } catch {
          #expect(!"\(error)".contains("PLANTED"), "\(variable)")
          refused.insert(variable)
        }
      }
    }
    #expect(
      refused.isSuperset(of: [
        "OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "VECFILL_API_KEY", "OPENAI_BASE_URL", "VECFILL_PROXY",
      ]))
  }

  @Test func `the catalogue as JSON tells what is known, and null for what isn't`() throws {
    let workspace = try Workspace()
    try workspace.write(
      """
      providers: [{name: p, max_inputs: 9}]
      models:
        - id: a
          provider: p
          price: {usd_per_million_tokens: 0.02, as_of: 2026-11}
          dimensions: {default: 8, min: 1, max: 8}
        - {id: b, provider: p, dimensions: [8, 4], tokenizer: cl100k_base}
      """, to: "own.yaml")
    let catalogue = try ModelCatalogue(flags: [.models: "own.yaml"], process: workspace.process)
    let json = try CatalogueReport(catalogue).json()
    let parsed = try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: [[String: Any]]])
    let models = try #require(parsed["models"])
    #expect(models.map { $0["id"] as? String } == ["hashed-ngrams", "a", "b"])
    let (a, b) = (models[1] as NSDictionary, models[2] as NSDictionary)
    let unknown: [String: Any] = Dictionary(
      uniqueKeysWithValues: [
        "max_input_tokens", "max_tokens_per_byte", "max_request_tokens", "requests_per_minute", "tokens_per_minute",
        "sunset",
      ].map { ($0, NSNull()) })
    let price: [String: Any] = [
      "usd_per_million_tokens": 0.02, "batch": NSNull(), "as_of": "2026-11", "source": NSNull(),
    ]
    let ofA: [String: Any] = [
      "id": "a", "provider": "p", "price": price, "tokenizer": "unverified", "max_inputs": 9, "origin": "own.yaml:3",
      "dimensions": ["default": 8, "choices": NSNull(), "min": 1, "max": 8] as [String: Any],
    ]
    let ofB: [String: Any] = [
      "id": "b", "provider": "p", "price": NSNull(), "tokenizer": "cl100k_base", "max_inputs": 9,
      "dimensions": ["default": 8, "choices": [8, 4], "min": NSNull(), "max": NSNull()] as [String: Any],
      "origin": "own.yaml:7",
    ]
    let expectedA = unknown.merging(ofA) { $1 } as NSDictionary
    let expectedB = unknown.merging(ofB) { $1 } as NSDictionary
    #expect(a == expectedA)
    #expect(b == expectedB)
  }
}
