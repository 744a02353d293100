/// Specs that are refused, and what is said of each after the file's name.
extension JobSpecTests {
  private static let topLevelKeys =
    "allowed here: name, sources, edits, follow, hours, gentle, provider, model, dimensions, cut, preparation, prefix, "
    + "query_prefix, too_long, duplicates, spool, mode, batch_size, concurrency, writers, limits, share, budget, index, "
    + "base_url, organization, project, endpoint, deployment, api_version, encoding_format, send_dimensions, headers, "
    + "body, timeout, ca_file, proxy"
  private static let sourceKeys =
    "allowed here: table, schema, write_to, key, text, vector, where, since, order, edits, chunks"

  private static let unreasonableKey = String(repeating: "k", count: 500)

  static let refusedLines: [(String, String)] = [
    // Keys.
    ("tabel: x", "2:1: tabel is not a known key; \(topLevelKeys)"),
    ("batchSize: 5", "2:1: batchSize is not a known key; did you mean batch_size?"),
    ("bacth_size: 5", "2:1: bacth_size is not a known key; did you mean batch_size?"),
    ("<<: {model: m}", "2:1: << is not a known key; \(topLevelKeys)"),
    ("[a]: 5", "2:1: a key must be one of \(topLevelKeys.dropFirst(14))"),
    ("\"\": 5", "2:1: a key must be one of \(topLevelKeys.dropFirst(14))"),
    ("\(unreasonableKey): 5", "2:1: \(unreasonableKey.prefix(80)) is not a known key; \(topLevelKeys)"),
    (
      "limits:\n  token_per_minute: 5",
      "3:3: limits.token_per_minute is not a known key; did you mean tokens_per_minute?"
    ),
    ("index: {when: drop}", "2:15: index.when must be one of keep, after, rebuild"),
    ("duplicates: column", "2:13: duplicates must be one of page, table"),
    ("spool: disk", "2:8: spool must be one of ledger, database"),
    ("share: ledger", "2:8: share must be one of none, database"),
    ("share: true", "2:8: share must be one of none, database, not true"),
    ("spool: 5", "2:8: spool must be one of ledger, database, not 5"),
    ("limits: {share: 1.5}", "2:17: limits.share must be a number from 0.01 to 1, not 1.5"),
    ("index: rebuild", "2:8: index must be a mapping of when, not text"),
    ("index: {after: true}", "2:9: index.after is not a known key; allowed here: when"),
    ("budget: {eur: 5}", "2:10: budget.eur is not a known key; allowed here: usd"),
    ("model: a\nmodel: b", "2:1: model is given more than once in one mapping; keep one of them"),
    // Secrets.
    (
      "api_key: planted",
      "2:1: api_key is a secret, and secrets don't belong in a file like this; "
        + "take it out and set VECFILL_API_KEY in the environment or in .env"
    ),
    (
      "openai_key_secret: planted",
      "2:1: openai_key_secret is a secret, and secrets don't belong in a file like this; "
        + "take it out and set OPENAI_API_KEY in the environment or in .env"
    ),
    (
      "azure_api_key: planted",
      "2:1: azure_api_key is a secret, and secrets don't belong in a file like this; "
        + "take it out and set AZURE_OPENAI_API_KEY in the environment or in .env"
    ),
    (
      "database_url: postgresql://u:planted@h/d",
      "2:1: database_url is a secret, and secrets don't belong in a file like this; "
        + "take it out and set DATABASE_URL in the environment or in .env"
    ),
    (
      "proxy: http://u:planted@proxy:3128",
      "2:8: proxy holds a secret, and secrets don't belong in a file like this; "
        + "take it out and set VECFILL_PROXY in the environment or in .env"
    ),
    (
      "base_url: https://u:planted@h/v1",
      "2:11: base_url must be http(s)://host[:port][/path] without user, password, query or fragment"
    ),
    // Types and ranges.
    (
      "batch_size: \"100\"",
      "2:13: batch_size must be a whole number from 1 to 2048, not text; leave the quotes out"
    ),
    ("batch_size: 5000", "2:13: batch_size must be a whole number from 1 to 2048, not 5000"),
    ("batch_size: 0", "2:13: batch_size must be a whole number from 1 to 2048, not 0"),
    ("batch_size: -1", "2:13: batch_size must be a whole number from 1 to 2048, not -1"),
    ("batch_size: 010", "2:13: batch_size must be a whole number from 1 to 2048, not 010"),
    ("batch_size: 1_0", "2:13: batch_size must be a whole number from 1 to 2048, not 1_0"),
    ("batch_size: 0x10", "2:13: batch_size must be a whole number from 1 to 2048, not 0x10"),
    ("batch_size: 1e2", "2:13: batch_size must be a whole number from 1 to 2048, not 1e2"),
    ("batch_size: 5.0", "2:13: batch_size must be a whole number from 1 to 2048, not 5.0"),
    ("batch_size: yes", "2:13: batch_size must be a whole number from 1 to 2048, not yes"),
    ("batch_size: [5]", "2:13: batch_size must be a whole number from 1 to 2048, not a list"),
    ("batch_size: {a: 5}", "2:13: batch_size must be a whole number from 1 to 2048, not a mapping"),
    ("batch_size:", "2:12: batch_size must be a whole number from 1 to 2048, not nothing"),
    (
      "batch_size: 99999999999999999999999999",
      "2:13: batch_size must be a whole number from 1 to 2048, not 999999999999999999999999"
    ),
    ("budget: 5", "2:9: budget must be a mapping of usd, not 5"),
    ("budget: {usd: 0}", "2:15: budget.usd must be a number from 0.0001 to 1000000, not 0"),
    ("budget: {usd: .inf}", "2:15: budget.usd must be a number from 0.0001 to 1000000, not .inf"),
    (
      "budget: {usd: \"5\"}", "2:15: budget.usd must be a number from 0.0001 to 1000000, not text; leave the quotes out"
    ),
    ("send_dimensions: yes", "2:18: send_dimensions must be true or false, not yes"),
    ("send_dimensions: \"true\"", "2:18: send_dimensions must be true or false, not text"),
    ("model: 5", "2:8: model must be text, not 5; put it in quotes"),
    ("model: true", "2:8: model must be text, not true; put it in quotes"),
    ("model: ''", "2:8: model must be text, not blank"),
    ("model:", "2:7: model must be text, not nothing"),
    ("model: \"a\\nb\"", "2:8: model must be text on one line"),
    ("model: !own planted", "2:8: model must be text, not text; put it in quotes"),
    (
      "provider: opnai", "2: the catalogue doesn't know this provider; did you mean openai? `vecfill models` lists them"
    ),
    (
      "provider: voyage",
      "2: provider must be one of openai, azure, demo; others are added to a catalogue of your own (docs/providers.md)"
    ),
    ("provider: my own", "2:11: provider must be printable ASCII without white space"),
    ("cut: lokal", "2:6: cut must be one of provider, local; did you mean local?"),
    ("preparation: {newlines: keeps}", "2:25: preparation.newlines must be one of keep, space; did you mean keep?"),
    ("organization: my org", "2:15: organization must be printable ASCII without white space"),
  ]

  static let refusedSpecs: [(String, String)] = [
    ("model: m", "1:1: sources is missing"),
    ("sources:", "1:9: sources must be a list of sources, not nothing"),
    ("sources: messages", "1:10: sources must be a list of sources, not text"),
    ("sources: []", "1:10: sources must name at least one table"),
    ("sources: [messages]", "1:11: sources[0] must be a mapping of \(sourceKeys.dropFirst(14)), not text"),
    ("sources: [{key: id}]", "1:11: sources[0].table is missing"),
    (
      "sources:\n  - table: a\n  - tabel: b",
      "3:5: sources[1].tabel is not a known key; did you mean table?"
    ),
    (
      "sources: [{table: a, password: p}]",
      "1:22: sources[0].password is a secret, and secrets don't belong in a file "
        + "like this; take it out and set DATABASE_URL in the environment or in .env"
    ),
    ("sources: [{table: 5}]", "1:19: sources[0].table must be text, not 5; put it in quotes"),
    (
      "sources: [{table: a.b.c}]",
      "1:19: sources[0].table must be table or schema.table; for a name with a dot in it, give schema: and table: apart"
    ),
    (
      "sources: [{table: .b}]",
      "1:19: sources[0].table must be table or schema.table; for a name with a dot in it, give schema: and table: apart"
    ),
    (
      "sources: [{table: a, text: id}]",
      "1:11: sources[0] must have different columns as key, text and vector"
    ),
    ("sources: [{table: a, key: []}]", "1:27: sources[0].key must name at least one column"),
    ("sources: [{table: a, key: [id, 5]}]", "1:32: sources[0].key[1] must be text, not 5; put it in quotes"),
    ("sources: [{table: a, key: [id, '']}]", "1:32: sources[0].key[1] must be text, not blank"),
    ("sources: [{table: a, key: [[id]]}]", "1:28: sources[0].key[0] must be text, not a list"),
    ("sources: [{table: a, key: {id: n}}]", "1:27: sources[0].key must be text, not a mapping"),
    ("sources: [{table: a, key: [id, n, id]}]", "1:35: sources[0].key names id twice; keep one of them"),
    (
      "sources: [{table: a, key: [id, content]}]",
      "1:11: sources[0] must have different columns as key, text and vector"
    ),
    (
      "sources: [{table: a, key: [id, e], vector: e}]",
      "1:11: sources[0] must have different columns as key, text and vector"
    ),
    (
      "sources: [{table: a.b}, {table: c}, {schema: a, table: b, text: t}]",
      "1:37: sources[2] fills the same column as sources[0]; keep one of them"
    ),
    // Texts.
    (
      "sources:\n  - table: a\n    text: '{title'",
      "3:11: sources[0].text: the template has a { without its }; write {column} for a column, and {{ or }} for a brace of the text"
    ),
    (
      "sources: [{table: a, text: 'title}'}]",
      "1:28: sources[0].text: the template has a } without its {; write {column} for a column, and {{ or }} for a brace of the text"
    ),
    (
      "sources: [{table: a, text: '{}'}]",
      "1:28: sources[0].text: the template has no column's name in {}; write {column} for a column, and {{ or }} for a brace of the text"
    ),
    (
      "sources: [{table: a, text: '{{title}}'}]",
      "1:28: sources[0].text: the template names no column; write {column} for a column, and {{ or }} for a brace of the text"
    ),
    ("sources: [{table: a, text: []}]", "1:28: sources[0].text must name at least one column"),
    ("sources: [{table: a, text: [t, t]}]", "1:32: sources[0].text names t twice; keep one of them"),
    ("sources: [{table: a, text: {sequel: t}}]", "1:29: sources[0].text.sequel is not a known key; allowed here: sql"),
    ("sources: [{table: a, text: {sql: ''}}]", "1:34: sources[0].text.sql must be text, not blank"),
    (
      "sources: [{table: a, text: [t, embedding]}]",
      "1:11: sources[0] must have different columns as key, text and vector"
    ),
    // Views, order, since.
    (
      "sources: [{table: a.v, write_to: a.v}]",
      "1:34: sources[0].write_to names what table: names; leave it out; it is for a table whose rows are read by a view"
    ),
    (
      "sources: [{table: v, write_to: a.b.c}]",
      "1:32: sources[0].write_to must be table or schema.table; for a name with a dot in it, give schema: and table: apart"
    ),
    (
      "sources: [{table: v, write_to: t}, {table: t}]",
      "1:36: sources[1] fills the same column as sources[0]; keep one of them"
    ),
    (
      "sources: [{table: v, write_to: t, order: {newest: at}}]",
      "1:42: sources[0] reads a view or cuts its texts, and its rows come by their key alone; write order: newest, or order: oldest"
    ),
    (
      "sources: [{table: a, order: newst}]",
      "1:29: sources[0].order must be one of oldest, newest; did you mean newest?"
    ),
    (
      "sources: [{table: a, since: 2026-01-01}]",
      "1:29: sources[0].since must be one column and a value, as in {created_at: 2026-01-01}, not text"
    ),
    (
      "sources: [{table: a, since: {a: 1, b: 2}}]",
      "1:29: sources[0].since must be one column and a value, as in {created_at: 2026-01-01}, not a mapping"
    ),
    (
      "sources: [{table: a, since: {at: \"2026' OR 1\"}}]",
      "1:34: sources[0].since.at must be a date, a time or a number, not text"
    ),
    (
      "sources: [{table: a, since: {at: }}]",
      "1:34: sources[0].since.at must be a date, a time or a number, not nothing"
    ),
    (
      "sources: [{table: a, chunks: b}]",
      "1:30: sources[0].chunks must be a mapping of table, schema, tokens, overlap, not text"
    ),
    ("sources: [{table: a, chunks: {tokens: 50}}]", "1:30: sources[0].chunks.table is missing"),
    (
      "sources: [{table: a, chunks: {table: a}}]",
      "1:11: sources[0].chunks.table must be another table than the source's own"
    ),
    (
      "sources: [{table: a, chunks: {table: b, tokens: 5}}]",
      "1:49: sources[0].chunks.tokens must be a whole number from 16 to 100000, not 5"
    ),
    (
      "sources: [{table: a, chunks: {table: b, tokens: 100, overlap: 51}}]",
      "1:63: sources[0].chunks.overlap must be a whole number from 0 to 50, not 51"
    ),
    (
      "sources: [{table: v, write_to: a, chunks: {table: b}}]",
      "1:11: sources[0] can't have chunks with write_to: no view is cut into pieces; "
        + "name the table itself, and its text with text:"
    ),
    (
      "sources: [{table: a, edits: clear, chunks: {table: b}}]",
      "1:11: sources[0] can't have chunks with edits: clear; each run finds edited texts by itself; set edits: ignore for it"
    ),
    (
      "sources: [{table: a, chunks: {table: b}}]\nedits: digest",
      "1:11: sources[0] can't have chunks with edits: digest; each run finds edited texts by itself; set edits: ignore for it"
    ),
    (
      "sources: [{table: a, key: digest}]\nedits: {digest: table}",
      "1:11: sources[0] has a key named digest, as a column of the digests' table is; say edits: digest"
    ),
    (
      "sources: [{table: a, edits: {clear: table}}]",
      "1:30: sources[0].edits.clear is not a known key; allowed here: digest"
    ),
    (
      "sources: [{table: a, key: number, chunks: {table: b}}]",
      "1:11: sources[0] can't have chunks with a column named number, since the pieces' table has one of that name; "
        + "name another vector column, or rename the key's"
    ),
    ("sources: [{table: a, where: ' '}]", "1:29: sources[0].where must be text, not blank"),
    ("- a\n- b", "1:1: the file must be a mapping, not a list; a job spec begins with sources:"),
    ("planted", "1:1: the file must be a mapping, not text; a job spec begins with sources:"),
    ("---", "2:1: the file must be a mapping, not nothing; a job spec begins with sources:"),
    ("# nothing but a comment", " is empty; give the path of a job spec, e.g. jobs/backfill-embeddings.yaml"),
    ("", " is empty; give the path of a job spec, e.g. jobs/backfill-embeddings.yaml"),
    ("a: [planted", "2:1: is not YAML: did not find expected ',' or ']'; check this line and the one above it"),
    (
      "a: b: planted",
      "1:5: is not YAML: mapping values are not allowed in this context; check this line and the one above it"
    ),
    (
      "a: b\n\tplanted: d",
      "2:1: is not YAML: it has a tab, and YAML takes only spaces for indentation; put spaces in place of it"
    ),
    (
      "sources:\n\t- table: planted",
      "2:1: is not YAML: it has a tab, and YAML takes only spaces for indentation; put spaces in place of it"
    ),
    (
      "sources:\n  - table: a\n  \ttext: planted",
      "3:3: is not YAML: it has a tab, and YAML takes only spaces for indentation; put spaces in place of it"
    ),
    ("sources:\n  - table: @planted", "2:12: is not YAML: no value begins with @; put the value in quotes"),
    (
      "sources:\n  - table: a\n    text: {sql: planted || ': ' || b}",
      #"3:29: is not YAML: the SQL stands without quotes; put it in quotes, as text: {sql: "title || ': ' || body"}"#
    ),
    (
      "sources:\n  - table: a\n    text: {planted} and more",
      #"3:21: is not YAML: a template stands without quotes; put a template in quotes, as text: "{column}""#
    ),
    (
      "sources: [{table: a, text: {planted}}]",
      "1:28: sources[0].text must be a column, a template or {sql: ...}, not a mapping; "
        + #"put a template in quotes, as text: "{column}""#
    ),
    (
      "sources: [{table: a, text: {}}]",
      "1:28: sources[0].text must be a column, a template or {sql: ...}, not a mapping; "
        + #"put a template in quotes, as text: "{column}""#
    ),
    ("sources: [{table: a, text: {sql: }}]", "1:34: sources[0].text.sql must be text, not nothing"),
    ("a: *planted", "1:4: is not YAML: found undefined alias; check this line and the one above it"),
    ("a: \"planted", "1:12: is not YAML: found unexpected end of stream; check this line and the one above it"),
    (
      "a: 1\nb: plan\u{7}ted",
      "2:8: is not YAML: control characters are not allowed; check this line and the one above it"
    ),
    (
      "a: 1\n---\nb: 2",
      "2:1: is not YAML: expected a single document in the stream, but found another document; check this line and the one above it"
    ),
  ]
}
