-- Built when the column is filled: an HNSW index present during the load makes each write many times slower.
-- vecfill: no-transaction
-- vecfill: optional-tables
-- vecfill: after-load standalone_chat_messages.embedding from content
CREATE INDEX CONCURRENTLY idx_standalone_messages_embedding ON standalone_chat_messages
  USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64);
