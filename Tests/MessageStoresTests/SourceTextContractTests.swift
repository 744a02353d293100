import Backfill
import Foundation
import MessageStores
import PgVector
import Postgres
import TestSupport
import Testing

/// Texts of several columns, of an SQL expression and of a view, as the store reads, writes and finds them.
@Suite struct SourceTextContractTests {
  /// A form of text, over tables that `fixture` makes.
  struct Form: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var view: TableName?
    let text: SourceText
    var postgresText: SourceText?
    /// Statements that change the text of row `ID`, each another column or another table.
    let edits: [String]
    /// The text of row `id`.
    let expected: @Sendable (Int64) -> String

    func source(_ kind: StoreKind) -> Source {
      Source(table: "notes", view: view, text: kind.isPostgres ? postgresText ?? text : text)
    }
  }

  static let editTitle = "UPDATE notes SET title = 'edited' WHERE id = ID"
  static let editBody = "UPDATE notes SET body = 'edited' WHERE id = ID"
  static let editPart = "UPDATE parts SET words = 'edited' WHERE note = ID"

  static let forms = [
    Form(
      testDescription: "columns", text: .columns(["title", "body"]),
      edits: [editTitle, editBody, "UPDATE notes SET title = NULL WHERE id = ID"],
      expected: { "title \($0)\n\nbody \($0)" }),
    Form(
      testDescription: "template",
      text: .template(
        TextTemplate(
          [.init(before: "{", column: "title"), .init(before: "\nNo. ", column: "number")], end: " 'é\\")),
      edits: [editTitle, "UPDATE notes SET number = number + 1 WHERE id = ID"],
      expected: { "{title \($0)\nNo. \($0) 'é\\" }),
    Form(
      testDescription: "json", text: .sql("json_extract(payload, '$.text') -- as the shop writes it"),
      postgresText: .sql("payload->>'text' -- as the shop writes it"),
      edits: ["UPDATE notes SET payload = '{\"text\": \"edited\"}' WHERE id = ID"], expected: { "json \($0)" }),
    Form(
      testDescription: "joined",
      text: .sql("title || ' ' || (SELECT group_concat(p.words, ' ') FROM parts AS p WHERE p.note = notes.id)"),
      postgresText: .sql(
        "title || ' ' || (SELECT string_agg(p.words, ' ' ORDER BY p.words) FROM parts AS p WHERE p.note = notes.id)"),
      edits: [editTitle, editPart], expected: { "title \($0) words \($0)" }),
    Form(
      testDescription: "view", view: TableName("shown"), text: "whole", edits: [editTitle, editPart],
      expected: { "title \($0) words \($0)" }),
    Form(
      testDescription: "template of a view", view: TableName("shown"),
      text: .template(TextTemplate([.init(column: "whole"), .init(before: "\n", column: "body")])),
      edits: [editTitle, editBody, editPart], expected: { "title \($0) words \($0)\nbody \($0)" }),
  ]

  static func fixture(_ kind: StoreKind, rows: Int, of source: Source) async throws -> StoreFixture {
    let fixture = try await StoreFixture(bare: kind, source: source)
    try await fixture.run(
      """
      CREATE TABLE notes (id \(kind.isPostgres ? "bigint" : "INTEGER") PRIMARY KEY, title text, body text,
        number integer, payload \(kind.isPostgres ? "jsonb" : "text"), embedding \(fixture.vectorType(3)));
      CREATE TABLE parts (note bigint, words text);
      CREATE VIEW shown AS SELECT id, embedding, body,
        title || ' ' || (SELECT words FROM parts WHERE parts.note = notes.id) AS whole FROM notes;
      """)
    for id in 1...rows {
      try await fixture.run(
        """
        INSERT INTO notes (id, title, body, number, payload)
          VALUES (\(id), 'title \(id)', 'body \(id)', \(id), '{"text": "json \(id)"}');
        INSERT INTO parts VALUES (\(id), 'words \(id)')
        """)
    }
    return fixture
  }

  @Test(arguments: StoreKind.allCases, forms)
  func `a row of which any part was edited is skipped, and all others are written`(
    _ kind: StoreKind, _ form: Form
  ) async throws {
    let source = form.source(kind)
    let count = form.edits.count + 2
    let fixture = try await Self.fixture(kind, rows: count, of: source)
    let store = try await fixture.open()
    _ = try await store.inspect(source, dimensions: 3)
    let page = try await store.page(of: source, after: nil, limit: 10)
    #expect(page.map(\.text) == (1...Int64(count)).map(form.expected))
    #expect(try await store.countRemaining(in: source) == count)
    for (index, edit) in form.edits.enumerated() {
      try await fixture.run(edit.replacing("ID", with: "\(index + 1)"))
    }
    let rows = page.map { EmbeddedRow($0.key, $0.text ?? "", [1, 2, 3]) }
    let outcome = try await store.write(rows, to: source)
    #expect(outcome.written == [.integer(Int64(count) - 1), .integer(Int64(count))])
    #expect(outcome.refused.isEmpty && outcome.locked.isEmpty && outcome.unfilled.isEmpty)
    #expect(try await store.write(rows, to: source).written == [])

    let later = try await store.page(of: source, after: nil, limit: 10)
    #expect(later.map(\.key) == (1..<Int64(count) - 1).map { .integer($0) })
    #expect(zip(later, page).allSatisfy { $0.text != $1.text })
    #expect(try await store.countRemaining(in: source) == count - 2)
    let again = later.map { EmbeddedRow($0.key, $0.text ?? "", [3, 2, 1]) }
    #expect(try await store.write(again, to: source).written == Set(later.map(\.key)))
    #expect(try await store.countRemaining(in: source) == 0)

    let near = try await store.nearest(to: [1, 2, 3], in: source, limit: 2)
    #expect(Set(near.map(\.text)) == [form.expected(Int64(count) - 1), form.expected(Int64(count))])
    let filled = try await store.filled(in: source, limit: 10)
    #expect(Set(filled.rows.compactMap(\.text)) == Set(near.map(\.text) + later.compactMap(\.text)))
    await store.close()
  }

  /// A trigger empties it again: the row still holds the text and no vector.
  @Test(arguments: StoreKind.allCases, forms)
  func `a row that takes no vector is told`(_ kind: StoreKind, _ form: Form) async throws {
    let source = form.source(kind)
    let fixture = try await Self.fixture(kind, rows: 2, of: source)
    try await fixture.run(
      kind.isPostgres
        ? """
        CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.embedding := NULL; RETURN NEW; END $$;
        CREATE TRIGGER forget BEFORE UPDATE ON notes FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION forget()
        """
        : """
        CREATE TRIGGER forget AFTER UPDATE OF embedding ON notes WHEN NEW.id = 1 AND NEW.embedding IS NOT NULL
          BEGIN UPDATE notes SET embedding = NULL WHERE id = NEW.id; END
        """)
    let store = try await fixture.open()
    _ = try await store.inspect(source, dimensions: 3)
    let rows = try await store.page(of: source, after: nil, limit: 9).map {
      EmbeddedRow($0.key, $0.text ?? "", [1, 2, 3])
    }
    let outcome = try await store.write(rows, to: source)
    #expect(outcome.written == [2])
    #expect(outcome.unfilled == [1])
    await store.close()
  }

  /// One row is refused, so that each is tried alone.
  @Test(arguments: StoreKind.allCases, forms)
  func `a row that is refused keeps no other from being written`(_ kind: StoreKind, _ form: Form) async throws {
    let source = form.source(kind)
    let fixture = try await Self.fixture(kind, rows: 4, of: source)
    try await fixture.run(
      kind.isPostgres
        ? "ALTER TABLE notes ADD CONSTRAINT odd CHECK (id NOT IN (1, 3) OR embedding IS NULL)"
        : """
        CREATE TRIGGER odd BEFORE UPDATE OF embedding ON notes WHEN NEW.id IN (1, 3) AND NEW.embedding IS NOT NULL
          BEGIN SELECT RAISE(ABORT, 'no'); END
        """)
    let store = try await fixture.open()
    _ = try await store.inspect(source, dimensions: 3)
    let rows = try await store.page(of: source, after: nil, limit: 9).map {
      EmbeddedRow($0.key, $0.text ?? "", [1, 2, 3])
    }
    try await fixture.run(form.edits[0].replacing("ID", with: "2"))
    let outcome = try await store.write(rows, to: source)
    #expect(outcome.written == [4])
    #expect(Set(outcome.refused.keys) == [1, 3])
    #expect(outcome.unfilled.isEmpty)
    await store.close()
  }

  /// The write waits for the row; what is committed meanwhile changes the text by the other table alone.
  @Test(arguments: StoreKind.postgres, forms.filter { $0.edits.contains(editPart) })
  func `an edit elsewhere that a write waited for is seen`(_ kind: StoreKind, _ form: Form) async throws {
    let source = form.source(kind)
    let fixture = try await Self.fixture(kind, rows: 2, of: source)
    let store = try await fixture.openImpatient(lockTimeout: .seconds(30))
    _ = try await store.inspect(source, dimensions: 3)
    let rows = try await store.page(of: source, after: nil, limit: 9).map {
      EmbeddedRow($0.key, $0.text ?? "", [1, 2, 3])
    }
    let shop = try await PostgresConnection.connect(to: DatabaseURL(fixture.url), applicationName: "the shop")
    try await shop.execute(
      "BEGIN; UPDATE notes SET number = 0 WHERE id = 1; \(Self.editPart.replacing("ID", with: "1"))")
    async let outcome = store.write(rows, to: source)
    var isWaiting = false
    let deadline = ContinuousClock.now + .seconds(60)
    while !isWaiting, ContinuousClock.now < deadline {
      isWaiting =
        try await fixture.run(
          """
          SELECT 1 FROM pg_stat_activity WHERE application_name = 'vecfill tests' AND wait_event_type = 'Lock'
            AND datname = current_database()
          """) == [["1"]]
    }
    #expect(isWaiting)
    try await shop.execute("COMMIT")
    #expect(try await outcome.written == [2])
    #expect(try await store.countRemaining(in: source) == 1)
    await shop.close()
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `a text that can't be computed or is too long is that row's alone`(_ kind: StoreKind) async throws {
    for text in [
      SourceText.sql("(payload->>'n')::integer::text || repeat('x', 9000000 * (payload->>'n')::integer)"),
      .columns(["title", "body"]),
    ] {
      let source = Source(table: "notes", text: text)
      let fixture = try await Self.fixture(kind, rows: 4, of: source)
      try await fixture.run(
        """
        UPDATE notes SET payload = '{"n": "0"}', body = NULL;
        UPDATE notes SET payload = '{"n": "many"}' WHERE id = 2;
        UPDATE notes SET payload = '{"n": "1"}', title = repeat('x', 5000000), body = repeat('y', 5000000) WHERE id = 3;
        """)
      let store = try await fixture.open()
      _ = try await store.inspect(source, dimensions: 3)
      let page = try await store.page(of: source, after: nil, limit: 9)
      #expect(page.map(\.key) == [1, 2, 3, 4])
      #expect(page[2].unreadable == .tooLong)
      #expect(page.filter { $0.text != nil }.count == (source.text.columns == nil ? 2 : 3))
      if source.text.columns == nil { #expect(page[1].unreadable?.reason.contains("SQLSTATE 22P02") == true) }
      await store.close()
    }
  }

  /// Dates, times and floats as some session would show them.
  @Test(arguments: StoreKind.postgres)
  func `a text's form is the same whatever the session sets`(_ kind: StoreKind) async throws {
    let columns = ["at", "day", "ratio", "span", "flag", "price", "tag", "doc"]
    let fixture = try await StoreFixture(bare: kind, source: Source(table: "t"))
    try await fixture.run(
      """
      CREATE TYPE mood AS ENUM ('good');
      CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz, day date, ratio float8, span interval, flag boolean,
        price numeric, tag mood, doc jsonb, bytes bytea, cost money, list int[], embedding vector(3));
      INSERT INTO t VALUES (1, '2026-02-01 12:00+02', '2026-02-01', 0.1, '1 day 2 hours', true, 1.50, 'good', '{"a":1}',
        'x', 3, '{1}');
      INSERT INTO t (id, at) VALUES (2, 'infinity')
      """)
    let template = TextTemplate(columns.map { TextTemplate.Piece(before: "|", column: $0) })
    let texts: [SourceText] = [
      .template(template), .sql("at::text || bytes::text || cost::text || to_char(at, 'TMMonth')"),
    ]
    var seen: [[String?]] = []
    for settings in ["TimeZone = 'UTC'", "TimeZone = 'Asia/Tokyo'"] {
      for more in [
        "",
        "DateStyle = 'German'; SET_ IntervalStyle = 'iso_8601'; SET_ bytea_output = 'escape'; SET_ extra_float_digits = -5",
      ] {
        let name = try await fixture.run("SELECT current_database()")[0][0] ?? ""
        for setting in "\(settings); SET_ \(more)".split(separator: "; SET_ ") where !setting.isEmpty {
          try await fixture.run("ALTER DATABASE \"\(name)\" SET \(setting)")
        }
        let store = try await fixture.open()
        for text in texts {
          let source = Source(table: "t", text: text)
          _ = try await store.inspect(source, dimensions: 3)
          seen.append(try await store.page(of: source, after: nil, limit: 9).map(\.text))
        }
        await store.close()
      }
    }
    #expect(
      seen[0] == ["|2026-02-01 10:00:00+00|2026-02-01|0.1|1 day 02:00:00|true|1.50|good|{\"a\": 1}", "|infinity"])
    for index in seen.indices { #expect(seen[index] == seen[index % 2]) }
    for column in ["bytes", "cost", "list"] {
      let store = try await fixture.open()
      let source = Source(table: "t", text: .columns(["day", column]))
      let refusal = await #expect(throws: Failure.self) { try await store.inspect(source, dimensions: 3) }
      #expect(refusal?.subject == "t.\(column)")
      #expect(refusal?.exitCode == .configuration)
      await store.close()
    }
  }

  @Test(arguments: StoreKind.postgres)
  func `the index of missing rows leaves out rows with no part, and no other`(_ kind: StoreKind) async throws {
    for (text, isAskable, sentKeys) in [
      (SourceText.columns(["title", "body"]), true, [1, 4, 5]),
      (.columns(["body", "Odd \"one\" x", "title"]), true, [1, 4, 5]),
      (.columns(["title", "number"]), false, [1, 3, 4, 5]), (.sql("title"), false, [1, 5]),
    ] as [(SourceText, Bool, [RowKey])] {
      let source = Source(table: "notes", text: text)
      let fixture = try await Self.fixture(kind, rows: 5, of: source)
      try await fixture.run(
        """
        DROP VIEW shown;
        ALTER TABLE notes ADD "Odd ""one"" x" varchar(9), ALTER body TYPE varchar;
        UPDATE notes SET title = NULL, body = '', number = NULL WHERE id = 2;
        UPDATE notes SET title = ' ', body = ' ' WHERE id = 3;
        UPDATE notes SET title = '' WHERE id = 4;
        -- An index on rows that were updated in their page is of no use while the server has an older transaction.
        CLUSTER notes USING notes_pkey;
        """)
      let types = ["title": "text", "body": "varchar", "Odd \"one\" x": "varchar", "number": "int4"]
      let form = MissingRowsIndex(for: text, types: types)
      #expect(form == (isAskable ? .texts : .all))
      try await fixture.run("CREATE INDEX ON notes (id) WHERE \(form.predicate(vector: "embedding", text: text))")
      let store = try await fixture.open()
      #expect(try await store.inspect(source, dimensions: 3).countsBlank == !isAskable)
      #expect(try await store.countRemaining(in: source) == (isAskable ? 4 : 5))
      let sent = try await store.page(of: source, PageRequest(limit: 9, leavesOutBlank: true)).messages
      #expect(sent.filter { $0.text != nil }.map(\.key) == sentKeys)
      // Whether the index can answer, not whether it is cheaper than the key's in a table of a page.
      let plan = try await fixture.run(
        """
        SET enable_seqscan = off; ALTER TABLE notes DROP CONSTRAINT notes_pkey; EXPLAIN SELECT id FROM notes
        WHERE \(form.predicate(vector: "embedding", text: text)) ORDER BY id
        """
      ).compactMap { $0.first ?? nil }.joined()
      #expect(plan.contains("notes_id_idx"))
      await store.close()
    }
  }

  @Test(arguments: StoreKind.allCases)
  func `SQL that can't be asked of a row is refused with what the database says`(_ kind: StoreKind) async throws {
    let fixture = try await Self.fixture(kind, rows: 1, of: Source(table: "notes"))
    let store = try await fixture.open()
    for expression in ["nothing", "title ||", "count(*)", "f(title)"] {
      let source = Source(table: "notes", text: .sql(expression))
      let refusal = await #expect(throws: Failure.self) { try await store.inspect(source, dimensions: 3) }
      #expect(refusal?.exitCode == .configuration, "\(expression): \(String(describing: refusal))")
      #expect(refusal?.description.contains("refuses the SQL of its text") == true)
      #expect(refusal?.remedy?.contains("text: {sql: ...}") == true)
    }
    for text in [SourceText.columns(["title", "nothing"]), .columns(["nothing"])] {
      let source = Source(table: "notes", text: text)
      let refusal = await #expect(throws: Failure.self) { try await store.inspect(source, dimensions: 3) }
      #expect(refusal?.subject == "notes.nothing")
    }
    await store.close()
  }
}
