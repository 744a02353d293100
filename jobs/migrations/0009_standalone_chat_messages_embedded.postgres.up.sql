-- The load is done: nothing pages by this index any more.
-- vecfill: no-transaction
-- vecfill: optional-tables
-- vecfill: after-load standalone_chat_messages.embedding
DROP INDEX CONCURRENTLY idx_standalone_chat_messages_unembedded;
