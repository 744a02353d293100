import Backfill
import Foundation
import Testing

@testable import Configuration

/// What a job adds to each request: headers, fields of the body, and what stands before a text.
struct AddedFieldsTests {
  private func configuration(
    _ lines: String, _ environment: [String: String] = [:], dotenv: String = ""
  ) throws -> JobConfiguration {
    let workspace = try Workspace()
    workspace.environment = environment
    try workspace.write(dotenv, to: ".env")
    return try workspace.configuration(spec: "model: m\ndimensions: 3\nbase_url: http://127.0.0.1:9/v1\n" + lines)
  }

  private func recorded(_ lines: String) throws -> String {
    let job = try configuration(lines).job()
    return try job.fingerprint(of: job.sources[0]).recorded()
  }

  @Test func `headers are sent with what their variables hold, and shown with the variables' names`() throws {
    let lines = """
      headers:
        X-Team: search and chat
        CF-Access-Client-Id: ${CF_ACCESS_CLIENT_ID}
        CF-Access-Client-Secret: ${CF_ACCESS_CLIENT_SECRET}
        Proxy-Authorization: Bearer ${HELICONE_TOKEN}
      """
    let configuration = try configuration(
      lines, ["CF_ACCESS_CLIENT_ID": "planted-1", "HELICONE_TOKEN": "planted-3"],
      dotenv: "CF_ACCESS_CLIENT_SECRET=planted-2")
    let headers = try configuration.provider().headers
    #expect(
      headers.map(\.name) == ["X-Team", "CF-Access-Client-Id", "CF-Access-Client-Secret", "Proxy-Authorization"])
    #expect(headers.map { $0.value.reveal() } == ["search and chat", "planted-1", "planted-2", "Bearer planted-3"])
    let report = SettingsReport(configuration.settings)
    var dumped = ""
    dump(headers, to: &dumped)
    dump(configuration, to: &dumped)
    for text in [report.table, try report.json(), dumped, "\(headers)"] { #expect(!text.contains("planted")) }
    #expect(report.table.contains("CF-Access-Client-Secret: ${CF_ACCESS_CLIENT_SECRET}"))
    #expect(try report.json().contains("\"X-Team\" : \"search and chat\""))
  }

  @Test func `a header's variable is needed only to call the provider`() throws {
    let configuration = try configuration("headers: {X-Token: \"${NO_SUCH}\"}")
    _ = try configuration.job()
    let line = try failureLine { _ = try configuration.provider() }
    #expect(
      line == "NO_SUCH: is not set, and the header X-Token of job.yaml:5 needs it; set it in the environment or in .env"
    )
  }

  @Test(arguments: ["planted\r\nX-Evil: 1", "planté", " planted"])
  func `a variable that no header can carry is refused`(value: String) throws {
    let configuration = try configuration("headers: {X-Token: \"${T}\"}", ["T": value])
    let line = try failureLine { _ = try configuration.provider() }
    #expect(line == "environment: T must be printable ASCII, as a header carries it")
  }

  @Test func `the key's own header can't be set beside the key`() throws {
    let lines = "headers: {authorization: \"Bearer ${T}\"}"
    #expect(try configuration(lines, ["T": "t"]).provider().headers.count == 1)
    let line = try failureLine { _ = try configuration(lines, ["T": "t", "OPENAI_API_KEY": "k"]).provider() }
    #expect(
      line == "job.yaml:5: headers.authorization is the header of the key, which is set too; take one of them out")
  }

  private static let secret = "holds what looks like a password or a key"

  @Test(arguments: [
    ("[a]", "headers must be a mapping of names to texts, in which `${NAME}` is a variable, not a list"),
    ("{X-A: 5}", "headers.X-A must be text, not 5; put it in quotes"),
    ("{X-A: ''}", "headers.X-A must be text, not blank"),
    ("{X-A: é}", "headers.X-A must be printable ASCII on one line, without a space at its ends"),
    ("{X-A: \"a\\nb\"}", "headers.X-A must be printable ASCII on one line, without a space at its ends"),
    ("{X-A: \"a \"}", "headers.X-A must be printable ASCII on one line, without a space at its ends"),
    ("{\"X A\": a}", "a key of headers must be a header's name"),
    ("{\"X:\": a}", "a key of headers must be a header's name"),
    ("{AuthorizationBearerPlanted1x2Y3z: a}", "a key of headers must be a header's name"),
    ("{keysk-planted0A1b2C3d4E5f6: a}", "a key of headers must be a header's name"),
    ("{X-A: \"${a-b}\"}", "headers.X-A has a ${ that begins no variable; write it as ${NAME}"),
    ("{X-A: \"a ${A\"}", "headers.X-A has a ${ that begins no variable; write it as ${NAME}"),
    ("{X-A: a, x-a: b}", "headers.x-a is given more than once; keep one of them"),
    ("{Content-Type: text/plain}", "headers.Content-Type is set by vecfill itself; take it out"),
    ("{Authorization: Bearer planted}", "headers.Authorization \(secret)"),
    ("{x-api-key: planted}", "headers.x-api-key \(secret)"),
    ("{Ocp-Apim-Subscription-Key: planted}", "headers.Ocp-Apim-Subscription-Key \(secret)"),
    ("{CF-Access-Client-Secret: planted}", "headers.CF-Access-Client-Secret \(secret)"),
    ("{Cookie: planted=1}", "headers.Cookie \(secret)"),
    ("{X-A: sk-planted0123456789abcdef}", "headers.X-A \(secret)"),
    ("{X-A: \"sk-planted0123456789abcdef${A}\"}", "headers.X-A \(secret)"),
    ("{X-A: \"password=planted\"}", "headers.X-A \(secret)"),
  ])
  func `headers that are wrong are refused`(headers: String, told: String) throws {
    let line = try failureLine { _ = try configuration("headers: \(headers)") }
    #expect(line.hasPrefix("job.yaml:5:"))
    let remedy =
      told.hasSuffix(Self.secret)
      ? "; put it in a variable of the environment or of .env, and write ${NAME} here" : ""
    #expect(line.hasSuffix(": \(told)\(remedy)"), "\(line)")
    #expect(!line.contains("planted"))
  }

  @Test func `fields of the body win over the catalogue's, for both roles`() throws {
    let workspace = try Workspace()
    try workspace.write(
      "providers: [{name: p, base_url: \"http://h\", needs_key: false, send: {a: 1, b: 1}, document: {b: 2, c: 2}, query: {c: 3}}]",
      to: "own.yaml")
    let settings = try workspace.configuration(
      spec: "provider: p\nmodel: m\ndimensions: 3\nbody: {c: 9, d: {e: null}}", flags: [.models: "own.yaml"]
    ).provider()
    let nested: JSONValue = .object(["e": .null])
    #expect(
      settings.fields(for: .document)
        == ["a": .integer(1), "b": .integer(2), "c": .integer(9), "d": nested])
    #expect(settings.fields(for: .query) == ["a": .integer(1), "b": .integer(1), "c": .integer(9), "d": nested])
  }

  @Test(arguments: [
    ("5", "body must be a mapping, as JSON has it, not 5"),
    (
      "{model: x}",
      "body.model can't be added to a request; vecfill sets it itself: see model, dimensions and encoding_format"
    ),
    (
      "{dimensions: 5}",
      "body.dimensions can't be added to a request; vecfill sets it itself: see model, dimensions and encoding_format"
    ),
    (
      "{encoding_format: float}",
      "body.encoding_format can't be added to a request; vecfill sets it itself: see model, dimensions and encoding_format"
    ),
    (
      "{late_chunking: true}",
      "body.late_chunking can't be added to a request; with it a vector depends on the other texts of its request"
    ),
    (
      "{password: planted}",
      "body.password is a secret, and secrets don't belong in a file like this; send it as a header, with ${NAME} in its value (headers:)"
    ),
    (
      "{a: {b: [sk-planted0123456789abcdef]}}",
      "body.a.b[0] holds what looks like a password or a key; take it out: secrets belong in the environment or in .env"
    ),
    ("{a: 99999999999999999999}", "body.a must be a number of at most 64 bits, not 99999999999999999999"),
    ("{a: !own b}", "body.a must be a value that JSON has, not text"),
    ("{[a]: b}", "a key of body must be a field's name"),
    ("{\"\": b}", "a key of body must be a field's name"),
    ("{sk-planted0123456789abcdef: b}", "a key of body must be a field's name"),
    ("{planted0A1b2C3d4E5f6G7h: b}", "a key of body must be a field's name"),
  ])
  func `a body that is wrong is refused`(body: String, told: String) throws {
    let line = try failureLine { _ = try configuration("body: \(body)") }
    #expect(line.hasPrefix("job.yaml:5:") && line.hasSuffix(": \(told)"), "\(line)")
    #expect(!line.contains("planted"))
  }

  @Test func `a number of tokens in the body is no secret`() throws {
    let configuration = try configuration("body: {truncate_prompt_tokens: 512, user: u-1}")
    #expect(
      try configuration.job().model.fields == ["truncate_prompt_tokens": .integer(512), "user": .string("u-1")])
    #expect(
      "\(try configuration.setting("body").value, default: "")" == #"{"truncate_prompt_tokens":512,"user":"u-1"}"#)
  }

  @Test(arguments: [
    "headers: {X-B3-TraceId128bit: a}", "body: {embeddingTypesV2Float16: b}", "body: {a_very_long_name_2_of_3_4: b}",
  ])
  func `a name with a few digits is a name`(line: String) throws {
    _ = try configuration(line).job()
  }

  @Test func `a body can't say by the provider's own names what vecfill says`() throws {
    let workspace = try Workspace()
    try workspace.write(
      "providers: [{name: p, base_url: \"http://h\", needs_key: false, names: {dimensions: size}}]", to: "own.yaml")
    let configuration = try workspace.configuration(
      spec: "provider: p\nmodel: m\ndimensions: 3\nbody: {size: 9}", flags: [.models: "own.yaml"])
    let line = try failureLine { _ = try configuration.job() }
    #expect(
      line
        == "job.yaml:5: body.size can't be added to a request; vecfill sets it itself: see dimensions and encoding_format"
    )
  }

  @Test func `a job that adds nothing records what it always did`() throws {
    let plain =
      #"{"dimensions":3,"model":"m","preparation":{"newlines":"keep","tooLong":"quarantine"},"text":"content"}"#
    for lines in [
      "", "headers: {X-Team: search}", "body: {}", "prefix: \"\"", "query_prefix: \"q: \"", "cut: provider",
      "encoding_format: float", "send_dimensions: true", "timeout: 5",
    ] {
      #expect(try recorded(lines) == plain, "\(lines)")
    }
  }

  @Test(arguments: ["body: {task: text-matching}", "body: {user: null}", "prefix: \"d: \"", "cut: local"])
  func `what makes other vectors makes another fingerprint`(lines: String) throws {
    #expect(try recorded(lines) != recorded(""))
    #expect(try recorded(lines) == recorded(lines))
  }

  @Test(arguments: [
    ("prefix: 5", "9: prefix must be text, or \"\" for none, not 5; put it in quotes"),
    ("prefix:", "8: prefix must be text, or \"\" for none, not nothing"),
    ("prefix: [a]", "9: prefix must be text, or \"\" for none, not a list"),
    (
      "prefix: sk-planted0123456789abcdef",
      "9: prefix holds what looks like a password or a key; take it out: secrets belong in the environment or in .env"
    ),
  ])
  func `a prefix that is wrong is refused`(lines: String, told: String) throws {
    let line = try failureLine { _ = try configuration(lines) }
    #expect(line == "job.yaml:5:\(told)")
  }

  @Test func `a prefix stands before each text, on as many lines as it has`() throws {
    let configuration = try configuration(
      "prefix: \"search_document: \"\nquery_prefix: \"Instruct: find it\\nQuery: \"\npreparation: {newlines: space}")
    let job = try configuration.job()
    #expect(job.preparation.input(for: "a\nb") == "search_document: a b")
    #expect(configuration.queryPreparation(of: job).input(for: "a\nb") == "Instruct: find it\nQuery: a b")
  }
}
