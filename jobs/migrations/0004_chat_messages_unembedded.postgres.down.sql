-- vecfill: no-transaction
DROP INDEX CONCURRENTLY idx_chat_messages_unembedded;
