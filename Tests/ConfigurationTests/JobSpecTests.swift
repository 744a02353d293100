import Backfill
import Foundation
import Testing

@testable import Configuration

struct JobSpecTests {
  private func job(_ spec: String) throws -> Job {
    let workspace = try Workspace()
    try workspace.write(spec, to: "jobs/fill.yaml")
    return try JobConfiguration(spec: "jobs/fill.yaml", process: workspace.process).job()
  }

  @Test func `a spec with every key becomes the job`() throws {
    let workspace = try Workspace()
    let price = "{usd_per_million_tokens: 0.02}"
    try workspace.write(
      "models: [{id: text-embedding-3-small, provider: openai, price: \(price)}]", to: "own.yaml")
    try workspace.write(
      """
      name: nightly
      sources:
        - table: public.chat_messages
          key: message_id
          text: body
          vector: body_embedding
          where: |
            role = 'user'
              AND id > 7
        - {schema: "a.b", table: "c.d"}
      preparation: {newlines: space}
      provider: openai
      model: text-embedding-3-small
      dimensions: 512
      batch_size: 20
      concurrency: 2
      writers: 4
      limits: {requests_per_minute: 3000, tokens_per_minute: 1000000, share: 0.7}
      share: database
      budget: {usd: 1.25}
      base_url: http://127.0.0.1:9/v1
      api_version: 2024-10-21
      encoding_format: float
      send_dimensions: true
      timeout: 9
      index: {when: rebuild}
      duplicates: table
      spool: database
      """, to: "job.yaml")
    let job = try JobConfiguration(spec: "job.yaml", flags: [.models: "own.yaml"], process: workspace.process).job()
    var first = Source(
      schema: "public", table: "chat_messages", keys: ["message_id"], text: "body", vector: "body_embedding",
      condition: "role = 'user'\n  AND id > 7\n")
    first.conditionPlace = "job.yaml:7:12"
    #expect(job.name == "nightly")
    #expect(job.sources == [first, Source(schema: "a.b", table: "c.d")])
    #expect(job.preparation == TextPreparation(newlines: .space))
    #expect(
      job.model
        == Model(name: "text-embedding-3-small", provider: "127.0.0.1:9", dimensions: 512, usdPerMillionTokens: 0.02))
    #expect(job.budget == Job.Budget(usd: 1.25))
    #expect(job.batchSize == 20 && job.concurrency == 2 && job.writers == 4)
    var limits = Job.Limits(requestsPerMinute: 3000, tokensPerMinute: 1_000_000)
    limits.share = 0.7
    #expect(job.limits == limits)
    #expect(job.share == .database)
    #expect(job.indexPolicy == .rebuild)
    #expect(job.duplicates == .table)
    #expect(job.spool == .database)
  }

  @Test(arguments: ["duplicates: table", "too_long: truncate", "too_long: average"])
  func `what says how whole texts are sent is refused beside pieces`(_ line: String) throws {
    let error = #expect(throws: Failure.self) {
      _ = try job("sources: [{table: a, chunks: {table: b}}, {table: c}]\nmodel: m\ndimensions: 3\n\(line)")
    }
    #expect(error?.reason == "\(line) can't be in a job with chunks, as those of a")
    #expect(error?.exitCode == .configuration)
  }

  @Test func `a spec with only what is required has the defaults`() throws {
    let job = try job("sources: [{table: messages}]\nmodel: some-model\ndimensions: 3")
    let expected = Job(
      name: "fill", sources: [Source(table: "messages")],
      model: Model(name: "some-model", provider: "api.openai.com", dimensions: 3))
    #expect(job == expected)
  }

  @Test(arguments: [
    ("id", ["id"]), ("[id]", ["id"]), ("[id, created_at]", ["id", "created_at"]),
    ("\n      - tenant\n      - \"order no\"\n      - n", ["tenant", "order no", "n"]),
  ])
  func `a key is a column or a list of columns`(_ key: String, _ columns: [String]) throws {
    let job = try job("sources:\n  - table: a\n    key: \(key)\nmodel: m\ndimensions: 3")
    #expect(job.sources == [Source(table: "a", keys: columns)])
  }

  @Test(
    arguments: [
      ("title", "title"), ("[title]", "title"), ("'{title}'", "title"), ("[title, body]", .columns(["title", "body"])),
      (
        "\"{title}\\n\\n{body}\"", .columns(["title", "body"])
      ), ("['{odd}']", "{odd}"), ("{sql: \"payload->>'text'\"}", .sql("payload->>'text'")),
      (
        "|-\n      Title: {title}\n      {id}",
        .template(TextTemplate([.init(before: "Title: ", column: "title"), .init(before: "\n", column: "id")]))
      ),
      ("{sql: api_key}", .sql("api_key")),
    ] as [(String, SourceText)])
  func `a text is a column, a list, a template or SQL`(_ spelled: String, _ text: SourceText) throws {
    let job = try job("sources:\n  - table: a\n    text: \(spelled)\nmodel: m\ndimensions: 3")
    #expect(job.sources == [Source(table: "a", text: text)])
  }

  @Test func `a view is read and its table written, and both are under the schema that is given apart`() throws {
    #expect(
      try job("sources: [{table: s.v, write_to: s.t}]\nmodel: m\ndimensions: 3").sources == [
        Source(schema: "s", table: "t", view: TableName(schema: "s", "v"))
      ])
    #expect(
      try job("sources: [{schema: s, table: v, write_to: t.u}]\nmodel: m\ndimensions: 3").sources == [
        Source(schema: "s", table: "t.u", view: TableName(schema: "s", "v"))
      ])
  }

  @Test(arguments: [
    ("{created_at: 2026-01-01}", "\"created_at\" >= '2026-01-01'"), ("{a\"b: 5}", "\"a\"\"b\" >= '5'"),
    ("{at: '2026-01-01 10:00:00+02'}", "\"at\" >= '2026-01-01 10:00:00+02'"),
  ])
  func `since is a condition beside where`(_ since: String, _ condition: String) throws {
    let source = "sources:\n  - table: a\n    since: \(since)\n    order: newest"
    let alone = try job("\(source)\nmodel: m\ndimensions: 3").sources[0]
    #expect(alone.condition == condition)
    #expect(alone.order == .newest)
    let byColumn = try job("sources: [{table: a, order: {newest: created_at}}]\nmodel: m\ndimensions: 3").sources[0]
    #expect(byColumn.order == .newest && byColumn.newestBy == "created_at")
    let both = try job("\(source)\n    where: a = 1 -- all\nmodel: m\ndimensions: 3").sources[0]
    #expect(both.condition == "\(condition) AND (\na = 1 -- all\n)")
  }

  @Test func `what becomes of the indexes changes no vector, and so no fingerprint`() throws {
    let spec = "sources: [{table: messages}]\nmodel: some-model\ndimensions: 3\n"
    let (kept, rebuilt) = (try job(spec), try job(spec + "index: {when: rebuild}"))
    #expect(kept.indexPolicy == .keep && rebuilt.indexPolicy == .rebuild)
    #expect(kept.fingerprint(of: kept.sources[0]) == rebuilt.fingerprint(of: rebuilt.sources[0]))
  }

  @Test func `Windows' line endings and a byte order mark are fine`() throws {
    #expect(try job("\u{FEFF}sources:\r\n  - table: messages\r\nmodel: m\r\ndimensions: 3\r\n").model.name == "m")
  }

  @Test(arguments: Self.refusedLines)
  func `a line that is not allowed is one error line`(line: String, told: String) throws {
    let workspace = try Workspace()
    let line = try failureLine { _ = try workspace.configuration(spec: line) }
    #expect(line == "job.yaml:\(told)")
    #expect(!line.contains("planted"))
  }

  @Test(arguments: Self.refusedSpecs)
  func `a spec that is wrong as a whole is one error line`(spec: String, told: String) throws {
    let workspace = try Workspace()
    try workspace.write(spec, to: "job.yaml")
    let line = try failureLine { _ = try JobConfiguration(spec: "job.yaml", process: workspace.process) }
    #expect(line == "job.yaml:\(told)")
    #expect(!line.contains("planted"))
  }

  @Test func `a file that is missing, a folder, not UTF-8 or huge is one error line`() throws {
    let workspace = try Workspace()
    let remedy = "give the path of a job spec, e.g. jobs/backfill-embeddings.yaml"
    try workspace.write(Data([0x61, 0x3A, 0xC3, 0x28]), to: "jobs/latin1.yaml")
    try workspace.write(Data(repeating: 0x23, count: 1 << 20 + 1), to: "jobs/huge.yaml")
    for (path, told) in [
      ("jobs/none.yaml", "there is no such file; \(remedy)"), ("jobs", "is a folder, not a file; \(remedy)"),
      ("jobs/latin1.yaml", "is not UTF-8; save it as UTF-8"),
      ("jobs/huge.yaml", "is larger than 1,048,576 bytes; is it the right file?"),
    ] {
      let line = try failureLine { _ = try JobConfiguration(spec: path, process: workspace.process) }
      #expect(line == "\(path): \(told)")
    }
  }

  @Test func `a spec that is nested beyond reason is refused, not followed`() throws {
    let workspace = try Workspace()
    try workspace.write("a: " + String(repeating: "[", count: 500_000), to: "job.yaml")
    let line = try failureLine { _ = try JobConfiguration(spec: "job.yaml", process: workspace.process) }
    #expect(line.hasPrefix("job.yaml:1:") && line.contains("is not YAML: "))
  }

  @Test func `an absolute path and one from the working folder name the same spec`() throws {
    let workspace = try Workspace()
    try workspace.write("sources: [{table: a}]\nmodel: m\ndimensions: 3", to: "jobs/x.yml")
    let job = try JobConfiguration(spec: "\(workspace.path)/jobs/x.yml", process: workspace.process).job()
    #expect(job.name == "x")
  }

  @Test func `the job that ships is the original application's`() throws {
    let workspace = try Workspace()
    workspace.executable = "\(repository)/.build/debug/vecfill"
    let job = try JobConfiguration(
      spec: "\(repository)/jobs/backfill-embeddings.yaml", process: workspace.process
    ).job()
    let model = Model(
      name: "text-embedding-3-small", provider: "openai", dimensions: 1536, usdPerMillionTokens: 0.02,
      maxInputTokens: 8192,
      maxInputs: 2048, maxRequestTokens: 300_000)
    let expected = Job(
      name: "backfill-embeddings",
      sources: [Source(table: "chat_messages"), Source(table: "standalone_chat_messages")],
      preparation: TextPreparation(newlines: .space), model: model)
    #expect(job == expected)
  }
}
