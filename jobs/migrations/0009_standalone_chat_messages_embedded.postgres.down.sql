-- vecfill: no-transaction
CREATE INDEX CONCURRENTLY idx_standalone_chat_messages_unembedded ON standalone_chat_messages (id) WHERE embedding IS NULL;
