-- The load is done: nothing pages by this index any more.
-- vecfill: no-transaction
-- vecfill: optional-tables
-- vecfill: after-load chat_messages.embedding
DROP INDEX CONCURRENTLY idx_chat_messages_unembedded;
