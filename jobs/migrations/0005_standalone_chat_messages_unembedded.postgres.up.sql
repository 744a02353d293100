-- Makes paging the rows that lack a vector cheap while the job runs.
-- vecfill: no-transaction
-- vecfill: optional-tables
CREATE INDEX CONCURRENTLY idx_standalone_chat_messages_unembedded ON standalone_chat_messages (id) WHERE embedding IS NULL;
