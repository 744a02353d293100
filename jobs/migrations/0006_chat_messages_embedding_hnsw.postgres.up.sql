-- Built when the column is filled: an HNSW index present during the load makes each write many times slower.
-- vecfill: no-transaction
-- vecfill: optional-tables
-- vecfill: after-load chat_messages.embedding from content
CREATE INDEX CONCURRENTLY idx_chat_messages_embedding_user ON chat_messages
  USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64);
