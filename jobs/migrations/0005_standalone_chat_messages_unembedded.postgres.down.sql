-- vecfill: no-transaction
DROP INDEX CONCURRENTLY idx_standalone_chat_messages_unembedded;
