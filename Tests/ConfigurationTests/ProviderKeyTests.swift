import Backfill
import Foundation
import Testing

@testable import Configuration

/// A key goes to its own provider and to nobody else.
struct ProviderKeyTests {
  private static let catalogue = """
    providers:
      - {name: openai, hosts: [api.openai.com]}
      - {name: voyage, base_url: "https://api.voyageai.com/v1", hosts: [api.voyageai.com, ai.mongodb.com], key: VOYAGE_API_KEY}
      - {name: mistral, base_url: "https://api.mistral.ai/v1", hosts: [api.mistral.ai], key: MISTRAL_API_KEY}
      - {name: priced, hosts: [priced.example]}
      - {name: mine, base_url: "http://127.0.0.1:7/v1", needs_key: false}
    """

  /// Every variable of a key, each with a value that tells whose it is.
  private static let keys = [
    "OPENAI_API_KEY": "of-openai", "VOYAGE_API_KEY": "of-voyage", "MISTRAL_API_KEY": "of-mistral",
    "AZURE_OPENAI_API_KEY": "of-azure",
  ]

  private func configuration(_ spec: String, _ environment: [String: String]) throws -> JobConfiguration {
    let workspace = try Workspace()
    workspace.environment = environment
    workspace.environment["VECFILL_MODELS"] = "own.yaml"
    try workspace.write(Self.catalogue, to: "own.yaml")
    return try workspace.configuration(spec: "model: m\ndimensions: 3\n" + spec)
  }

  @Test(arguments: [
    ("provider: openai", "of-openai" as String?),
    ("provider: openai\nbase_url: https://eu.api.openai.com/v1", "of-openai"),
    ("provider: openai\nbase_url: http://gateway:4000/v1", "of-openai"),
    ("provider: openai\nbase_url: https://api.voyageai.com/v1", "of-voyage"),
    ("provider: openai\nbase_url: https://API.mistral.ai/v1", "of-mistral"),
    ("provider: openai\nbase_url: https://priced.example/v1", "of-openai"),
    ("provider: voyage", "of-voyage"),
    ("provider: voyage\nbase_url: https://ai.mongodb.com/v1", "of-voyage"),
    ("provider: voyage\nbase_url: https://eu.api.voyageai.com/v1", "of-voyage"),
    ("provider: voyage\nbase_url: https://api.openai.com/v1", nil),
    ("provider: voyage\nbase_url: https://api.mistral.ai/v1", nil),
    ("provider: voyage\nbase_url: https://api.voyageai.com.evil.example/v1", nil),
    ("provider: voyage\nbase_url: https://evilapi.voyageai.com.example/v1", nil),
    ("provider: voyage\nbase_url: https://notapi.voyageai.community/v1", nil),
    ("provider: voyage\nbase_url: http://gateway:4000/v1", nil),
    ("provider: mistral", "of-mistral"),
    ("provider: mine", nil),
    ("provider: mine\nbase_url: https://api.voyageai.com/v1", nil),
    ("provider: azure\nendpoint: https://res.openai.azure.com", "of-azure"),
    ("provider: demo", nil),
  ])
  func `of all keys that are set, the provider's own is sent`(spec: String, key: String?) throws {
    #expect(try configuration(spec, Self.keys).provider().key?.reveal() == key)
  }

  @Test(arguments: ["\"sk-1\"", "'sk-1'"], ["OPENAI_API_KEY", "VECFILL_API_KEY", "VOYAGE_API_KEY"])
  func `a key in quotes is refused, since it is none`(_ key: String, _ variable: String) throws {
    let spec = variable == "VOYAGE_API_KEY" ? "provider: voyage" : "provider: openai"
    let failure = #expect(throws: Failure.self) { try configuration(spec, [variable: key]).provider() }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.description.contains("\(variable) stands in quotes") == true, "\(failure?.description ?? "")")
    #expect(failure?.description.contains("sk-1") == false)
  }

  @Test func `OpenAI's variables are another provider's neither address nor key`() throws {
    let environment = ["OPENAI_BASE_URL": "http://gateway:4000/v1", "OPENAI_API_KEY": "k", "VOYAGE_API_KEY": "v"]
    let voyage = try configuration("provider: voyage", environment).provider()
    #expect(voyage.baseURL == "https://api.voyageai.com/v1" && voyage.key?.reveal() == "v")
    let openAI = try configuration("", environment).provider()
    #expect(openAI.baseURL == "http://gateway:4000/v1" && openAI.key?.reveal() == "k")
  }

  @Test(arguments: [
    "provider: openai", "provider: openai\nbase_url: https://api.voyageai.com/v1", "provider: voyage",
    "provider: voyage\nbase_url: http://gateway:4000/v1", "provider: mine",
    "provider: azure\nendpoint: https://res.openai.azure.com",
  ])
  func `VECFILL_API_KEY is any provider's`(spec: String) throws {
    for others in [[:], Self.keys] {
      let environment = others.merging(["VECFILL_API_KEY": "of-the-job"]) { $1 }
      #expect(try configuration(spec, environment).provider().key?.reveal() == "of-the-job")
    }
  }

  @Test(arguments: [
    (
      "provider: voyage",
      "VOYAGE_API_KEY: is not set, and provider voyage needs it; set it in the environment or in .env"
    ),
    (
      "provider: voyage\nbase_url: https://ai.mongodb.com/v1",
      "VOYAGE_API_KEY: is not set, and provider voyage needs it; set it in the environment or in .env"
    ),
    (
      "base_url: https://api.mistral.ai/v1",
      "MISTRAL_API_KEY: is not set, and provider mistral needs it: its API is at base_url, where OPENAI_API_KEY is not sent; "
        + "set it in the environment or in .env, and provider: mistral in the job spec"
    ),
  ])
  func `a key that is missing is asked for, whatever others are set`(spec: String, told: String) throws {
    let line = try failureLine { _ = try configuration(spec, ["OPENAI_API_KEY": "k"]).provider() }
    #expect(line == told)
  }

  @Test func `a server of one's own, or another one that speaks the same, needs none`() throws {
    #expect(try configuration("provider: mine", [:]).provider().key == nil)
    #expect(try configuration("provider: voyage\nbase_url: http://127.0.0.1:9/v1", [:]).provider().key == nil)
  }

  @Test func `a key that is set and not sent is told by its name`() throws {
    let elsewhere = try configuration(
      "provider: voyage\nbase_url: http://gateway:4000/v1", ["VOYAGE_API_KEY": "planted"])
    #expect(
      elsewhere.warnings() == [
        "VOYAGE_API_KEY is not sent to gateway, which is not voyage's: VECFILL_API_KEY is sent to any"
      ])
    let other = try configuration("base_url: https://api.voyageai.com/v1", Self.keys)
    #expect(
      other.warnings() == ["base_url is voyage's: with provider: voyage requests have its own fields and limits"])
  }

  @Test func `a key is told by its length and its variable`() throws {
    let configuration = try configuration("provider: voyage", ["VOYAGE_API_KEY": "planted"])
    let setting = try configuration.setting("api_key")
    #expect(setting.origin == .environment("VOYAGE_API_KEY") && "\(setting.value, default: "")" == "set (7 characters)")
    var dumped = ""
    dump(try configuration.provider(), to: &dumped)
    dump(configuration, to: &dumped)
    #expect(!dumped.contains("planted"))
  }

  @Test(arguments: ["two words", "ключ", "line\nbreak"])
  func `a key that no header can carry is refused`(key: String) throws {
    let line = try failureLine { _ = try configuration("provider: voyage", ["VOYAGE_API_KEY": key]) }
    #expect(line == "environment: VOYAGE_API_KEY must be printable ASCII without white space")
  }
}
