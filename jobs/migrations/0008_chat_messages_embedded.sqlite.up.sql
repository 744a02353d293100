-- The load is done: nothing pages by this index any more.
-- vecfill: optional-tables
-- vecfill: after-load chat_messages.embedding
DROP INDEX idx_chat_messages_unembedded;
