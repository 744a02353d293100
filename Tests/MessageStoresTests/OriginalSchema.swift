import Backfill

/// The chat application's tables that vecfill was made for, as its migrations leave them.
enum OriginalSchema {
  static let sources = [Source(table: "chat_messages"), Source(table: "standalone_chat_messages")]

  static func script(for kind: StoreKind) -> String {
    let (id, time, vector, hnsw) =
      kind.isPostgres
      ? (
        "serial", "timestamptz DEFAULT now()", "vector(1536)",
        "USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)"
      )
      : (
        "INTEGER NOT NULL", "DATETIME DEFAULT CURRENT_TIMESTAMP", kind == .sqliteVector ? "VECTOR(1536)" : "BLOB",
        "(embedding)"
      )
    let content = """
      role varchar(20) NOT NULL, content text NOT NULL, was_truncated boolean NOT NULL DEFAULT false,
      created_at \(time), embedding \(vector)
      """
    let rows = "('user', 'Was ist\nGnade?'), ('assistant', 'Grace is a gift.')"
    return """
      CREATE TABLE users (id \(id) PRIMARY KEY);
      CREATE TABLE saved_insights (id \(id) PRIMARY KEY);
      CREATE TABLE standalone_chats (id \(id) PRIMARY KEY, user_id int NOT NULL REFERENCES users ON DELETE CASCADE);
      CREATE TABLE chat_messages (id \(id) PRIMARY KEY,
        insight_id int NOT NULL DEFAULT 1 REFERENCES saved_insights ON DELETE CASCADE,
        user_id int NOT NULL DEFAULT 1 REFERENCES users ON DELETE CASCADE, \(content));
      CREATE TABLE standalone_chat_messages (id \(id) PRIMARY KEY,
        chat_id int NOT NULL DEFAULT 1 REFERENCES standalone_chats ON DELETE CASCADE, \(content));
      CREATE INDEX idx_chat_messages_user_created ON chat_messages (user_id, created_at);
      CREATE INDEX idx_chat_messages_insight_user_created ON chat_messages (insight_id, user_id, created_at);
      CREATE INDEX ix_chat_messages_id ON chat_messages (id);
      CREATE INDEX ix_chat_messages_insight_id ON chat_messages (insight_id);
      CREATE INDEX ix_chat_messages_user_id ON chat_messages (user_id);
      CREATE INDEX idx_chat_messages_embedding_user ON chat_messages \(hnsw);
      CREATE INDEX idx_standalone_messages_embedding ON standalone_chat_messages \(hnsw);
      INSERT INTO users (id) VALUES (1);
      INSERT INTO saved_insights (id) VALUES (1);
      INSERT INTO standalone_chats (id, user_id) VALUES (1, 1);
      INSERT INTO chat_messages (role, content) VALUES \(rows);
      INSERT INTO standalone_chat_messages (role, content) VALUES \(rows);
      """
  }
}
