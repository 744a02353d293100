import Backfill
import Testing

@testable import Configuration

/// A parameter with a value that it takes, as text and as it is then read.
struct Sample: Sendable {
  let parameter: Parameter
  let text: String
  let value: SettingValue

  init(_ parameter: Parameter, _ text: String, _ value: SettingValue? = nil) {
    self.parameter = parameter
    self.text = text
    self.value = value ?? .text(text)
  }

  static let all = [
    Sample(.provider, "azure"), Sample(.model, "text-embedding-3-large"), Sample(.dimensions, "256", .integer(256)),
    Sample(.cut, "local"),
    Sample(.newlines, "space"), Sample(.prefix, "passage"), Sample(.queryPrefix, "query"),
    Sample(.tooLong, "average"), Sample(.duplicates, "table"), Sample(.spool, "database"), Sample(.mode, "batch"),
    Sample(.batchSize, "2048", .integer(2048)),
    Sample(.concurrency, "3", .integer(3)), Sample(.writers, "4", .integer(4)),
    Sample(.requestsPerMinute, "3000", .integer(3000)), Sample(.tokensPerMinute, "1000000", .integer(1_000_000)),
    Sample(.limitShare, "0.7", .number(0.7)), Sample(.share, "database"),
    Sample(.enqueuedTokens, "20000000", .integer(20_000_000)),
    Sample(.budget, "12.50", .number(12.5)), Sample(.indexWhen, "rebuild"),
    Sample(.databaseURL, "postgresql://u:p@h/d", .secret(Secret(connection: "postgresql://u:p@h/d"))),
    Sample(
      .migrationDatabaseURL, "postgresql://u@h:5432/d", .secret(Secret(connection: "postgresql://u@h:5432/d"))),
    Sample(.ledger, "/var/lib/vecfill.db"), Sample(.apiKey, "sk-1", .secret(Secret(key: "sk-1"))),
    Sample(.baseURL, "http://127.0.0.1:8080/v1"), Sample(.organization, "org-1"), Sample(.project, "proj_1"),
    Sample(.endpoint, "https://res.openai.azure.com"),
    Sample(.deployment, "small"), Sample(.apiVersion, "2024-10-21"), Sample(.encodingFormat, "float"),
    Sample(.sendDimensions, "true", .boolean(true)),
    Sample(
      .headers, "{X-Team: search}", .headers(HeaderTemplate(name: "X-Team", value: "search").map { [$0] } ?? [])),
    Sample(.body, "{user: u-1}", .object(["user": .string("u-1")])), Sample(.timeout, "30", .integer(30)),
    Sample(.caFile, "/etc/ssl/own.pem"),
    Sample(.proxy, "http://proxy:3128", .secret(Secret(connection: "http://proxy:3128"))),
    Sample(.models, "own.yaml"), Sample(.configFolder, "config"),
  ]
}

struct ParameterTests {
  @Test func `there is a sample of every parameter`() {
    #expect(Sample.all.map(\.parameter) == Parameter.allCases)
  }

  @Test func `no two parameters share a flag or a variable, and no key has a flag`() {
    let flags = Parameter.allCases.compactMap(\.definition.flag)
    let variables = Parameter.allCases.compactMap(\.definition.variable)
    #expect(Set(flags).count == flags.count)
    #expect(Set(variables).count == variables.count)
    for parameter in Parameter.allCases where [.key, .database].contains(parameter.definition.allowed) {
      #expect(!parameter.definition.isInFiles)
      if parameter != .migrationDatabaseURL { #expect(parameter.definition.flag == nil) }
    }
  }

  @Test(arguments: ["postgresql://u:planted@h/d", "host=h password=planted", "postgresql://h/d?password=planted"])
  func `a flag takes no password`(url: String) throws {
    let workspace = try Workspace()
    let failure = #expect(throws: Failure.self) {
      try workspace.configuration(flags: [.migrationDatabaseURL: url])
    }
    #expect(
      failure?.description
        == "command line: --migration-database-url holds a password, and other users can see a command line; "
        + "set VECFILL_MIGRATION_DATABASE_URL in the environment or in .env")
    #expect(failure?.exitCode == .usage)
  }

  @Test func `a flag takes an address without a password, however it is spelled`() throws {
    for url in ["postgresql://u@h/d", "host = h  dbname = 'd'"] {
      let configuration = try Workspace().configuration(flags: [.migrationDatabaseURL: url])
      #expect(try configuration.migrationDatabaseURL().reveal() == url)
    }
  }

  @Test func `migrations go to DATABASE_URL where nothing else is said`() throws {
    let workspace = try Workspace()
    workspace.environment["DATABASE_URL"] = "postgresql://pooler/d"
    #expect(try workspace.configuration().migrationDatabaseURL().reveal() == "postgresql://pooler/d")
    try workspace.write("VECFILL_MIGRATION_DATABASE_URL=postgresql://u:planted@h/d", to: ".env")
    let configuration = try workspace.configuration()
    #expect(try configuration.migrationDatabaseURL().reveal() == "postgresql://u:planted@h/d")
    #expect(try !"\(configuration.setting("migration_database_url"))".contains("planted"))
  }

  @Test(arguments: Sample.all)
  func `a parameter is read from each place that it can be set in`(sample: Sample) throws {
    let workspace = try Workspace()
    try workspace.write("models: []", to: "own.yaml")
    try workspace.write("models: []", to: "config/models.yaml")
    let (parameter, key) = (sample.parameter, sample.parameter.rawValue)
    var seen = 0
    if let flag = parameter.definition.flag {
      let setting = try workspace.configuration(flags: [parameter: sample.text]).setting(key)
      #expect(setting == Setting(key: key, value: sample.value, origin: .flag(flag)))
      seen += 1
    }
    if parameter.definition.isInFiles {
      let parts = key.split(separator: ".")
      let line = parts.count == 2 ? "\(parts[0]): {\(parts[1]): \(sample.text)}" : "\(key): \(sample.text)"
      let setting = try workspace.configuration(spec: line).setting(key)
      #expect(setting == Setting(key: key, value: sample.value, origin: .spec(file: "job.yaml", line: 2)))
      seen += 1
    }
    if let variable = parameter.definition.variable {
      try workspace.write("\(variable)=\(sample.text)", to: ".env")
      var setting = try workspace.configuration().setting(key)
      #expect(setting == Setting(key: key, value: sample.value, origin: .dotenv(file: ".env", line: 1)))
      workspace.environment[variable] = sample.text
      setting = try workspace.configuration().setting(key)
      #expect(setting == Setting(key: key, value: sample.value, origin: .environment(variable)))
      seen += 1
    }
    #expect(seen > 0)
  }

  @Test(arguments: [
    (
      Parameter.batchSize, ["0", "2049", "-1", "+5", "1.0", "1e3", "0x10", "010", "1_000", " 5", "5 ", "five", "٥", ""]
    ),
    (.budget, ["0", "-5", "1e3", ".5", "5.", "1,5", "$5", "inf", "nan", "1000001", "5.0.0"]),
    (.sendDimensions, ["yes", "1", "TRUE", "True", ""]),
    (.provider, ["my own", "fournisseur-é", ""]),
    (.cut, ["Local", "none", ""]),
    (.headers, ["X-Team: search", ""]),
    (.body, ["{}", ""]),
    (.indexWhen, ["Keep", "drop", "true", ""]),
    (.model, ["", " ", "two\nlines", "nul\0"]),
    (.apiKey, ["sk 1", "sk\n", "sk\r", "ключ", "\u{FEFF}sk"]),
    (.organization, ["org\r\nX-Evil: 1", "org 1"]),
    (
      .baseURL,
      [
        "api.openai.com", "ftp://h/v1", "https://", "https://u:p@h/v1", "https://h/v1?key=x", "https://h/v1#x",
        "https://h:99999/v1", "https://h/v 1", "//h/v1", "",
      ]
    ),
    (.proxy, ["proxy:3128", "ftp://proxy", "socks4://proxy"]),
  ])
  func `a value that is not allowed is refused`(parameter: Parameter, texts: [String]) {
    for text in texts {
      #expect(parameter.definition.allowed.value(of: text) == nil, "\(text.debugDescription)")
    }
  }

  @Test(arguments: [Parameter.baseURL, .endpoint, .proxy], ["HTTP://h/v1", "Https://h"])
  func `a scheme may be written in any case`(parameter: Parameter, url: String) {
    #expect(parameter.definition.allowed.value(of: url) != nil)
  }
}
