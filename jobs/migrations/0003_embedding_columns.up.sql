-- The vectors of text-embedding-3-small. On SQLite the application stores them as JSON text under the same declared type.
-- vecfill: optional-tables
ALTER TABLE chat_messages ADD COLUMN embedding vector(1536);
ALTER TABLE standalone_chat_messages ADD COLUMN embedding vector(1536);
