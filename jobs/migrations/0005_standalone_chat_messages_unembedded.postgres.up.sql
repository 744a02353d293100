-- By this the rows that lack a vector are found, while a job runs and when rows come later.
-- vecfill: no-transaction
-- vecfill: optional-tables
CREATE INDEX CONCURRENTLY idx_standalone_chat_messages_unembedded ON standalone_chat_messages (id) WHERE embedding IS NULL;
