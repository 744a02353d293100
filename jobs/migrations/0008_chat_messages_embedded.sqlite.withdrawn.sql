-- This migration dropped the index when the load was done. It stays: rows that come later are found by it.
-- vecfill: optional-tables
CREATE INDEX idx_chat_messages_unembedded ON chat_messages (id) WHERE embedding IS NULL;
