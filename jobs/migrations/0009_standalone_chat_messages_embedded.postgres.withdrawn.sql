-- This migration dropped the index when the load was done. It stays: rows that come later are found by it.
-- vecfill: no-transaction
-- vecfill: optional-tables
CREATE INDEX CONCURRENTLY idx_standalone_chat_messages_unembedded ON standalone_chat_messages (id) WHERE embedding IS NULL;
