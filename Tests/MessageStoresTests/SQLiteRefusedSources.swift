import Backfill

extension Refusal {
  static let sqlite: [Refusal] = [
    Refusal("no table", "", subject: "messages", reason: "no such table"),
    Refusal("a view", "CREATE VIEW messages AS SELECT 1 AS id", subject: "messages", reason: "a view"),
    Refusal(
      "a virtual table", "CREATE VIRTUAL TABLE messages USING fts5(id, content, embedding)", subject: "messages",
      reason: "virtual"),
    Refusal(
      "a schema", "CREATE TABLE messages (id INTEGER PRIMARY KEY)", source: Source(schema: "s", table: "messages"),
      subject: "s.messages", reason: "no schemas"),
    Refusal(
      "no key column", "CREATE TABLE messages (content TEXT)", source: Source(table: "messages", keys: ["key"]),
      subject: "messages.key", reason: "no such column"),
    Refusal(
      "rowid in a table without one",
      "CREATE TABLE messages (key TEXT PRIMARY KEY, content TEXT, embedding BLOB) WITHOUT ROWID",
      source: Source(table: "messages", keys: ["rowid"]), subject: "messages.rowid", reason: "no such column"),
    Refusal(
      "a column that is named rowid and may hold a value twice",
      "CREATE TABLE messages (rowid INTEGER, content TEXT, embedding BLOB)",
      source: Source(table: "messages", keys: ["rowid"]), subject: "messages.rowid", reason: "not the table's key"),
    Refusal(
      "no text column", "CREATE TABLE messages (id INTEGER PRIMARY KEY)", subject: "messages.content",
      reason: "no such column"),
    Refusal(
      "no vector column", "CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT)",
      subject: "messages.embedding", reason: "no such column"),
    Refusal(
      "a key that is not unique", "CREATE TABLE messages (id INTEGER, content TEXT, embedding BLOB)",
      subject: "messages.id", reason: "not the table's key"),
    Refusal(
      "a part of a key of two columns",
      "CREATE TABLE messages (id INTEGER, n INTEGER, content TEXT, embedding BLOB, PRIMARY KEY (id, n))",
      source: Source(table: "messages", keys: ["n"]), subject: "messages.n", reason: "not the table's key"),
    Refusal(
      "a key of two columns in another order",
      "CREATE TABLE messages (id INTEGER, n INTEGER, content TEXT, embedding BLOB, PRIMARY KEY (id, n))",
      source: Source(table: "messages", keys: ["n", "id"]), subject: "messages.n, id", reason: "no index"),
    Refusal(
      "a key of two columns, one of which is NULL in a row",
      """
      CREATE TABLE messages (id INTEGER, n INTEGER, content TEXT, embedding BLOB, PRIMARY KEY (id, n));
      INSERT INTO messages VALUES (1, 1, 'x', NULL), (1, NULL, 'y', NULL)
      """, subject: "messages.id, n", reason: "NULL"),
    Refusal(
      "a key whose index tells apart what its column doesn't",
      """
      CREATE TABLE messages (id TEXT COLLATE NOCASE NOT NULL, content TEXT, embedding BLOB);
      CREATE UNIQUE INDEX u ON messages (id COLLATE BINARY)
      """, subject: "messages.id", reason: "no index gives its rows in order"),
    Refusal(
      "a key that is unique in part",
      """
      CREATE TABLE messages (id INTEGER, content TEXT, embedding BLOB);
      CREATE UNIQUE INDEX u ON messages (id) WHERE content IS NOT NULL
      """, subject: "messages.id", reason: "not the table's key"),
    Refusal(
      "a key that is NULL",
      "CREATE TABLE messages (id TEXT PRIMARY KEY, content TEXT, embedding BLOB); INSERT INTO messages DEFAULT VALUES",
      subject: "messages.id", reason: "NULL in a row"),
    Refusal(
      "keys with a fraction",
      """
      CREATE TABLE messages (id REAL PRIMARY KEY, content TEXT, embedding BLOB); INSERT INTO messages (id) VALUES (1.5)
      """, subject: "messages.id", reason: "stored as real"),
    Refusal(
      "blobs among texts",
      """
      CREATE TABLE messages (id TEXT PRIMARY KEY, content TEXT, embedding BLOB);
      INSERT INTO messages (id) VALUES (x'00'), ('one')
      """, subject: "messages.id", reason: "text and blob"),
    Refusal(
      "keys of two kinds",
      """
      CREATE TABLE messages (id PRIMARY KEY, content TEXT, embedding BLOB);
      INSERT INTO messages (id) VALUES (1), ('one')
      """, subject: "messages.id", reason: "integer and text"),
    Refusal(
      "a text column of integers", "CREATE TABLE messages (id INTEGER PRIMARY KEY, content INTEGER, embedding BLOB)",
      subject: "messages.content", reason: "INTEGER"),
    Refusal(
      "another declared dimension",
      "CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding VECTOR(1536))",
      subject: "messages.embedding",
      reason: "1536 dimensions, the job's have 3"),
    Refusal(
      "another dimension in blobs",
      """
      CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding BLOB);
      INSERT INTO messages VALUES (1, 'x', NULL), (2, 'y', zeroblob(8))
      """, subject: "messages.embedding", reason: "2 dimensions, the job's have 3"),
    Refusal(
      "a blob that is no vector",
      """
      CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding BLOB);
      INSERT INTO messages VALUES (2, 'y', zeroblob(7))
      """, subject: "messages.embedding", reason: "row 2 holds bytes, not a vector"),
    Refusal(
      "a text that is no vector",
      """
      CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding TEXT);
      INSERT INTO messages VALUES (2, 'y', '[1,2,three]')
      """, subject: "messages.embedding", reason: "row 2 holds text, not a vector"),
    Refusal(
      "a column that leaves the form open",
      "CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding TEXT)", subject: "messages.embedding",
      reason: "leaves open"),
    Refusal(
      "a column of libSQL's 64-bit floats",
      "CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding F64_BLOB(3))",
      subject: "messages.embedding", reason: "64-bit floats"),
    Refusal(
      "a filled column of libSQL's bytes",
      """
      CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding F8_BLOB(3));
      INSERT INTO messages VALUES (2, 'y', zeroblob(12))
      """, subject: "messages.embedding", reason: "8-bit numbers"),
    Refusal(
      "a column of numbers", "CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding FLOAT(8))",
      subject: "messages.embedding", reason: "leaves open"),
    Refusal(
      "a trigger that needs a function which SQLite lacks",
      """
      CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding F32_BLOB(3));
      CREATE TRIGGER t AFTER UPDATE ON messages BEGIN SELECT libsql_vector_idx(NEW.embedding); END
      """, subject: "messages", reason: "libsql_vector_idx"),
    Refusal(
      "a generated vector column",
      "CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding BLOB AS (zeroblob(12)))",
      subject: "messages.embedding", reason: "generated"),
    Refusal(
      "a condition that is no SQL", "CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding BLOB)",
      source: Source(table: "messages", condition: "nonsense = 1"), subject: "messages", reason: "nonsense"),
    Refusal(
      "a condition with a name in double quotes that is no column's",
      "CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding BLOB)",
      source: {
        var source = Source(
          table: "messages", condition: "content <> '\"' -- \"\n AND \"content\" <> \"conten\"")
        source.conditionPlace = "sources[0].where"
        return source
      }(), subject: "sources[0].where", reason: "no such column: conten"),
    Refusal(
      "a text with a name in double quotes that is no column's",
      "CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding BLOB)",
      source: Source(table: "messages", text: .sql("\"content\" || \"conten\"")), subject: "messages",
      reason: "no such column: conten"),
    Refusal(
      "a UTF-16 file",
      "PRAGMA encoding = 'UTF-16'; CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding BLOB)",
      subject: "messages", reason: "UTF-16"),
  ]
}
