import Testing

/// A database as migrations may find it.
enum StartingSchema: String, CaseIterable, CustomTestStringConvertible {
  case empty
  /// The application's tables as they were before they had vectors.
  case beforeVectors
  /// The original application's own, with everything made by `create_all` or Alembic.
  case original
  /// The same with rows, all but a few of which have their vectors.
  case filled
  /// Somebody ran some of the loose files by hand, and a concurrent build died.
  case halfMigrated

  var testDescription: String { rawValue }

  static let tables = ["chat_messages", "standalone_chat_messages"]

  var postgres: String {
    switch self {
    case .empty: "SELECT 1"
    case .beforeVectors: Self.bare
    case .original: Self.bare + Self.alembic
    case .filled: Self.bare + Self.alembic + Self.rows
    case .halfMigrated:
      Self.bare + """
        CREATE EXTENSION IF NOT EXISTS vector;
        ALTER TABLE chat_messages ADD COLUMN was_truncated boolean NOT NULL DEFAULT false, ADD COLUMN embedding vector(1536);
        CREATE INDEX idx_chat_messages_unembedded ON chat_messages (id) WHERE embedding IS NULL;
        UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_chat_messages_unembedded'::regclass;
        CREATE INDEX idx_standalone_chat_messages_unembedded ON standalone_chat_messages (id);
        DROP INDEX idx_standalone_chat_messages_unembedded;
        """
    }
  }

  var sqlite: String {
    let bare = Self.tables.map {
      """
      CREATE TABLE \($0) (
        id INTEGER NOT NULL PRIMARY KEY, role VARCHAR(20) NOT NULL, content TEXT NOT NULL,
        created_at DATETIME DEFAULT CURRENT_TIMESTAMP);
      """
    }.joined(separator: "\n")
    let alembic = Self.tables.map {
      """
      ALTER TABLE \($0) ADD COLUMN was_truncated BOOLEAN NOT NULL DEFAULT false;
      ALTER TABLE \($0) ADD COLUMN embedding VECTOR(1536);
      """
    }.joined(separator: "\n")
    return switch self {
    case .empty: ""
    case .beforeVectors: bare
    case .original: bare + alembic
    case .filled:
      bare + alembic
        + Self.tables.map {
          "INSERT INTO \($0) (role, content, embedding) VALUES ('user', 'a', '[1]'), ('user', 'b', '[2]');"
        }.joined()
    case .halfMigrated:
      bare + "ALTER TABLE chat_messages ADD COLUMN was_truncated BOOLEAN NOT NULL DEFAULT false;"
        + "ALTER TABLE chat_messages ADD COLUMN embedding VECTOR(1536);"
    }
  }

  private static let bare = """
    CREATE TABLE users (id serial PRIMARY KEY);
    CREATE TABLE chat_messages (
      id serial PRIMARY KEY, user_id int NOT NULL REFERENCES users ON DELETE CASCADE, role varchar(20) NOT NULL,
      content text NOT NULL, created_at timestamptz DEFAULT now());
    CREATE INDEX ix_chat_messages_id ON chat_messages (id);
    CREATE TABLE standalone_chat_messages (
      id serial PRIMARY KEY, role varchar(20) NOT NULL, content text NOT NULL, created_at timestamptz DEFAULT now());

    """

  private static let alembic = """
    CREATE EXTENSION IF NOT EXISTS vector;
    ALTER TABLE chat_messages ADD COLUMN was_truncated boolean NOT NULL DEFAULT false, ADD COLUMN embedding vector(1536);
    ALTER TABLE standalone_chat_messages
      ADD COLUMN was_truncated boolean NOT NULL DEFAULT false, ADD COLUMN embedding vector(1536);
    CREATE INDEX idx_chat_messages_embedding_user ON chat_messages
      USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64);
    CREATE INDEX idx_standalone_messages_embedding ON standalone_chat_messages
      USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64);

    """

  private static let rows = """
    INSERT INTO users DEFAULT VALUES;
    INSERT INTO chat_messages (user_id, role, content, embedding)
      SELECT 1, 'user', 'message ' || n, (SELECT array_agg(sin(n * d)) FROM generate_series(1, 1536) d)::vector
      FROM generate_series(1, 100) n;
    INSERT INTO chat_messages (user_id, role, content) VALUES (1, 'user', ''), (1, 'user', 'new');
    INSERT INTO standalone_chat_messages (role, content, embedding)
      SELECT 'user', 'message ' || n, (SELECT array_agg(cos(n * d)) FROM generate_series(1, 1536) d)::vector
      FROM generate_series(1, 50) n;
    """
}
