-- Makes paging the rows that lack a vector cheap while the job runs.
-- vecfill: optional-tables
CREATE INDEX idx_standalone_chat_messages_unembedded ON standalone_chat_messages (id) WHERE embedding IS NULL;
