-- The load is done: nothing pages by this index any more.
-- vecfill: optional-tables
-- vecfill: after-load standalone_chat_messages.embedding
DROP INDEX idx_standalone_chat_messages_unembedded;
