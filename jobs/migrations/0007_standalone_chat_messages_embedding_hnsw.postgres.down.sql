-- vecfill: no-transaction
DROP INDEX CONCURRENTLY idx_standalone_messages_embedding;
