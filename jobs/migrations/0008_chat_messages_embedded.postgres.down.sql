-- vecfill: no-transaction
CREATE INDEX CONCURRENTLY idx_chat_messages_unembedded ON chat_messages (id) WHERE embedding IS NULL;
